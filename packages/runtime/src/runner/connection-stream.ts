// SPDX-License-Identifier: Apache-2.0
import { Duplex } from 'node:stream';

import type { Connection } from '../wasi/connection.ts';
import { WasiError } from '../wasi/errno.ts';
import { FlatBuffer } from '../wasi/io-vectors.ts';

/** Bytes that are read at once: few where a message may begin, so that not hundreds of them come together, and more while one goes on. */
const smallestPiece = 1024;
const largestPiece = 65_536;
const sendDirection = 2;

/** A connection of the program's as a stream of Node's, for Node's own HTTP. Credit bounds what either side holds. */
export class ConnectionStream extends Duplex {
  /** Whether the supervisor speaks TLS on it. */
  readonly tls: boolean;
  readonly #connection: Connection;
  #reading = false;
  #held = false;
  #piece = smallestPiece;
  #pending: { readonly buffer: FlatBuffer; readonly written: (error?: Error) => void } | undefined;
  #quiet: { readonly timer: NodeJS.Timeout; readonly milliseconds: number } | undefined;

  constructor(connection: Connection, tls: boolean) {
    // One piece at a time, so that to hold it takes effect with the next.
    super({ allowHalfOpen: true, readableHighWaterMark: 1 });
    this.#connection = connection;
    this.tls = tls;
    connection.changed = () => {
      this.#quiet?.timer.refresh();
      this.#receive();
      this.#send();
    };
  }

  /** A message has begun. */
  begin(): void {
    this.#piece = smallestPiece;
  }

  /** Reads no more before {@link release}. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#receive();
  }

  /** As a socket of Node's does it: the event `timeout` after so long without a byte in either direction. */
  setTimeout(milliseconds: number, passed?: () => void): this {
    if (passed !== undefined) this.once('timeout', passed);
    if (this.#quiet?.milliseconds === milliseconds) {
      this.#quiet.timer.refresh();
      return this;
    }
    clearTimeout(this.#quiet?.timer);
    this.#quiet =
      milliseconds === 0
        ? undefined
        : { timer: setTimeout(() => this.emit('timeout'), milliseconds), milliseconds };
    return this;
  }

  override _read(): void {
    this.#reading = true;
    this.#receive();
  }

  override _write(chunk: Uint8Array, _encoding: string, written: (error?: Error | null) => void): void {
    this.#pending = { buffer: new FlatBuffer(chunk), written };
    this.#send();
  }

  override _final(finished: (error?: Error | null) => void): void {
    try {
      this.#connection.shutdown(sendDirection);
    } catch {
      // The other side has broken it off, and is told nothing any more.
    }
    finished();
  }

  override _destroy(error: Error | null, destroyed: (error?: Error | null) => void): void {
    clearTimeout(this.#quiet?.timer);
    this.#connection.changed = undefined;
    this.#connection.close();
    destroyed(error);
  }

  #receive(): void {
    while (this.#reading && !this.#held && !this.destroyed) {
      const readiness = this.#connection.readiness('read');
      if (readiness === undefined) return;
      const buffer = new FlatBuffer(new Uint8Array(Math.min(Math.max(readiness.bytes, 1), this.#piece)));
      this.#piece = Math.min(this.#piece * 2, largestPiece);
      try {
        // Something is there, so that it comes at once.
        const length = this.#connection.read(buffer) as number;
        if (length === 0) this.#reading = false;
        if (!this.push(length === 0 ? null : buffer.bytes.subarray(0, length))) this.#reading = false;
      } catch (error) {
        this.destroy(broken(error));
      }
    }
  }

  #send(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    try {
      this.#connection.sendNow(pending.buffer);
    } catch (error) {
      this.#pending = undefined;
      pending.written(broken(error));
      return;
    }
    if (pending.buffer.remaining > 0) return;
    this.#pending = undefined;
    pending.written();
  }
}

/** As Node's sockets say it. */
function broken(error: unknown): Error {
  if (!(error instanceof WasiError)) throw error;
  return Object.assign(new Error(error.message), { code: `E${error.message.toUpperCase()}` });
}
