// SPDX-License-Identifier: Apache-2.0
import type { Writable } from 'node:stream';

import type { Waiting } from '../../wasi/waiting.ts';
import { ResultError, type ComponentHost } from '../host.ts';
import { OutputStream, Pollable, type Sink } from '../io.ts';
import { HttpFailure, type ErrorCode } from './error-code.ts';
import type { Fields } from './fields.ts';

/** Bytes that a body takes at once, and before its message has begun to be sent. */
const largestPiece = 65_536;

/** Where a body goes: a message of Node's HTTP whose head is there. */
export interface BodyTarget extends Writable {
  addTrailers(trailers: readonly [name: string, value: string][]): void;
}

/** Whether a message is a request or a response: they have codes of their own for a body of another length than was said. */
export type Direction = 'request' | 'response';

/** Resource `outgoing-body`. */
export class OutgoingBody {
  readonly sink: BodySink;
  readonly #host: ComponentHost;
  #stream = false;

  /** @throws ResultError an `error-code` where the body has another length than was said, or nobody takes it any more */
  static finish(body: OutgoingBody, trailers: Fields | undefined): void {
    body.sink.finish(trailers);
  }

  /** @param headers - of the message, whose `content-length` counts */
  constructor(host: ComponentHost, headers: Fields, direction: Direction) {
    this.#host = host;
    this.sink = new BodySink(host, headers.contentLength, direction);
  }

  [Symbol.dispose](): void {
    this.sink.dropped();
  }

  write(): OutputStream {
    if (this.#stream) throw new ResultError(undefined);
    this.#stream = true;
    return new OutputStream(this.#host, this.sink);
  }
}

/** The way of a body's bytes into its message. */
export class BodySink implements Sink {
  readonly #host: ComponentHost;
  readonly #length: number | undefined;
  readonly #direction: Direction;
  #target: BodyTarget | undefined;
  /** Written before there was a target. */
  readonly #early: Uint8Array[] = [];
  #written = 0;
  #state: 'open' | 'finished' | 'failed' = 'open';
  #trailers: Fields | undefined;

  constructor(host: ComponentHost, length: number | undefined, direction: Direction) {
    this.#host = host;
    this.#length = length;
    this.#direction = direction;
  }

  /** Whether more may come, all has come, or it will not come whole. */
  get state(): 'open' | 'finished' | 'failed' {
    return this.#state;
  }

  /** No more comes. @throws ResultError as {@link OutgoingBody.finish} */
  finish(trailers: Fields | undefined): void {
    if (this.#length !== undefined && this.#length !== this.#written) {
      this.fail();
      throw new ResultError<ErrorCode>(this.#otherSize);
    }
    if (this.#state === 'failed') throw new ResultError<ErrorCode>({ tag: 'connection-terminated' });
    this.#trailers = trailers;
    this.#state = 'finished';
    this.#end();
  }

  /** Whoever writes it will not say that it is whole. */
  dropped(): void {
    if (this.#state === 'open') this.fail();
  }

  /** The message has begun: what was written goes there. */
  attach(target: BodyTarget): void {
    this.#target = target;
    if (this.#state === 'failed') {
      target.destroy();
      return;
    }
    target.on('drain', () => {
      this.#host.progress();
      this.#host.wake();
    });
    target.once('error', () => {
      this.fail();
    });
    const forget = this.#host.onEnd(() => {
      this.dropped();
    });
    target.once('close', () => {
      forget();
      if (!target.writableFinished) this.fail();
    });
    for (const bytes of this.#early.splice(0)) target.write(bytes);
    if (this.#state === 'finished') this.#end();
  }

  get room(): number | undefined {
    if (this.#state !== 'open') return undefined;
    if (this.#target === undefined) return Math.max(0, largestPiece - this.#written);
    return this.#target.writableNeedDrain ? 0 : largestPiece;
  }

  flush(): Waiting<number> | undefined {
    return this.room === 0 && this.#target !== undefined ? this.#untilTaken() : undefined;
  }

  subscribe(): Pollable {
    return new Pollable(this.#host, () => (this.room === 0 ? undefined : 0));
  }

  /** It will not come whole: the other end is told by the connection's being cut. */
  fail(): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    this.#early.length = 0;
    this.#target?.destroy();
    this.#host.wake();
  }

  *#untilTaken(): Waiting<number> {
    while (this.room === 0) yield undefined;
    return 0;
  }

  get #otherSize(): ErrorCode {
    return { tag: `HTTP-${this.#direction}-body-size`, val: BigInt(this.#written) };
  }

  write(bytes: Uint8Array): void {
    this.#written += bytes.length;
    if (this.#length !== undefined && this.#written > this.#length) {
      this.fail();
      throw new HttpFailure(this.#otherSize);
    }
    this.#host.progress();
    if (this.#target === undefined) this.#early.push(bytes);
    else this.#target.write(bytes);
  }

  #end(): void {
    if (this.#state !== 'finished' || this.#target === undefined) return;
    const raw = this.#trailers?.raw ?? [];
    if (raw.length > 0) {
      const pairs = raw.flatMap((name, at): [string, string][] =>
        at % 2 === 0 ? [[name, raw[at + 1] as string]] : [],
      );
      this.#target.addTrailers(pairs);
    }
    this.#target.end();
  }
}
