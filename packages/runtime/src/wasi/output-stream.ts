// SPDX-License-Identifier: Apache-2.0
import { Descriptor, filetype, type Direction, type Readiness } from './descriptor.ts';
import { fail } from './errno.ts';
import type { Buffers } from './io-vectors.ts';
import { right, streamRights } from './rights.ts';
import type { Eventually, Waiting } from './waiting.ts';

/** Where output goes. Standard output and standard error share one, so that their order stays. */
export interface OutputSink {
  /** Bytes that may be sent now; grows when the other side has passed output on. */
  readonly credit: number;
  /** Whether the operating system has not yet taken all that was sent. */
  readonly congested: boolean;
  /** Largest piece in bytes. */
  readonly largest: number;
  /** Sends `length` bytes, which `fill` writes into the buffer that goes out. Spends credit. */
  send(length: number, fill: (target: Uint8Array) => void): void;
}

/** Standard output or standard error. */
export class OutputStream extends Descriptor {
  readonly filetype = filetype.unknown;
  readonly #sink: OutputSink;

  constructor(sink: OutputSink) {
    super(streamRights | right.fdWrite);
    this.#sink = sink;
  }

  read(): number {
    return fail('badf');
  }

  write(from: Buffers): Eventually<number> {
    const wanted = from.remaining;
    if (wanted === 0) return 0;
    if (this.nonblocking) return this.#writeSome(from);
    if (wanted <= this.#sink.credit && wanted <= this.#sink.largest) {
      this.#sendPiece(from);
      if (!this.#sink.congested) return wanted;
    }
    return this.#writeRest(from, wanted);
  }

  readiness(direction: Direction): Readiness | undefined {
    if (direction === 'read') return fail('badf');
    if (this.#sink.credit === 0 || this.#sink.congested) return undefined;
    return { bytes: this.#sink.credit, hangup: false };
  }

  /** As `write(2)` does on a pipe: returns when all of it is taken, so that what was printed is seen even when a long computation follows. */
  *#writeRest(from: Buffers, wanted: number): Waiting<number> {
    while (from.remaining > 0 || this.#sink.congested) {
      if (this.#sink.congested || this.#sink.credit === 0) yield undefined;
      else this.#sendPiece(from);
    }
    return wanted;
  }

  *#writeSome(from: Buffers): Waiting<number> {
    if (this.#sink.credit === 0 || this.#sink.congested) yield 0;
    if (this.#sink.credit === 0 || this.#sink.congested) fail('again');
    return this.#sendPiece(from);
  }

  #sendPiece(from: Buffers): number {
    const length = Math.min(from.remaining, this.#sink.credit, this.#sink.largest);
    this.#sink.send(length, (target) => {
      from.gather(target);
    });
    return length;
  }
}
