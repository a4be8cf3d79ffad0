// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';

import { ResultError, type ComponentHost } from '../host.ts';
import { InputStream, Pollable, type Source } from '../io.ts';
import { codeOfError, HttpFailure, type ErrorCode } from './error-code.ts';
import { Fields } from './fields.ts';

/** A message while it arrives, and what waits for it. */
class Arriving {
  readonly message: IncomingMessage;
  readonly host: ComponentHost;
  ended = false;
  failure: ErrorCode | undefined;

  constructor(host: ComponentHost, message: IncomingMessage) {
    this.host = host;
    this.message = message;
    const news = (): void => {
      host.progress();
      host.wake();
    };
    message.on('readable', news);
    message.once('end', () => {
      this.ended = true;
      news();
    });
    message.once('error', (error) => {
      this.fail(codeOfError(error));
    });
    message.once('close', () => {
      if (!this.ended) this.fail({ tag: 'connection-terminated' });
    });
    // Before anybody asked for the body.
    if (message.destroyed) this.failure = { tag: 'connection-terminated' };
  }

  fail(code: ErrorCode): void {
    this.failure ??= code;
    this.host.wake();
  }

  /** @returns no bytes where none are there yet, `undefined` at the end */
  take(most: number): Uint8Array | undefined {
    const { message } = this;
    const length = Math.min(most, message.readableLength);
    const bytes = length === 0 ? null : (message.read(length) as Uint8Array | null);
    if (bytes !== null) {
      this.host.progress();
      return bytes;
    }
    if (this.ended) return undefined;
    if (this.failure !== undefined) throw new HttpFailure(this.failure);
    // Asks for more, or lets the end be noticed.
    message.read(0);
    return new Uint8Array(0);
  }

  get ready(): boolean {
    if (this.message.readableLength === 0 && !this.ended) this.message.read(0);
    return this.message.readableLength > 0 || this.ended || this.failure !== undefined;
  }
}

class BodySource implements Source {
  readonly #arriving: Arriving;

  constructor(arriving: Arriving) {
    this.#arriving = arriving;
  }

  read(most: number): Uint8Array | undefined {
    return this.#arriving.take(most);
  }

  subscribe(): Pollable {
    return new Pollable(this.#arriving.host, () => (this.#arriving.ready ? 0 : undefined));
  }
}

/** Resource `incoming-body`. */
export class IncomingBody {
  readonly #arriving: Arriving;
  /** What becomes of the message when nobody wants the rest. */
  readonly #dropped: (message: IncomingMessage) => void;
  #stream = false;
  #finished = false;

  static finish(body: IncomingBody): FutureTrailers {
    body.#finished = true;
    return new FutureTrailers(body.#arriving);
  }

  constructor(host: ComponentHost, message: IncomingMessage, dropped: (message: IncomingMessage) => void) {
    this.#arriving = new Arriving(host, message);
    this.#dropped = dropped;
  }

  [Symbol.dispose](): void {
    if (!this.#finished && !this.#arriving.ended) this.#dropped(this.#arriving.message);
  }

  stream(): InputStream {
    if (this.#stream) throw new ResultError(undefined);
    this.#stream = true;
    return new InputStream(this.#arriving.host, new BodySource(this.#arriving));
  }
}

/** Resource `future-trailers`: comes after the body, whose rest is passed over. */
export class FutureTrailers {
  readonly #arriving: Arriving;
  #given = false;

  constructor(arriving: Arriving) {
    this.#arriving = arriving;
  }

  [Symbol.dispose](): void {
    // There is nothing to give back.
  }

  subscribe(): Pollable {
    return new Pollable(this.#arriving.host, () => (this.#settled ? 0 : undefined));
  }

  get(): object | undefined {
    if (!this.#settled) return undefined;
    if (this.#given) return { tag: 'err', val: undefined };
    this.#given = true;
    const { failure, message, ended } = this.#arriving;
    if (!ended) return { tag: 'ok', val: { tag: 'err', val: failure } };
    const { rawTrailers } = message;
    const val = rawTrailers.length === 0 ? undefined : Fields.received(rawTrailers);
    return { tag: 'ok', val: { tag: 'ok', val } };
  }

  get #settled(): boolean {
    const arriving = this.#arriving;
    while (!arriving.ended && arriving.failure === undefined && arriving.message.read() !== null);
    return arriving.ended || arriving.failure !== undefined;
  }
}
