// SPDX-License-Identifier: Apache-2.0
import { Descriptor, filetype, type Direction, type Readiness } from './descriptor.ts';
import { fail } from './errno.ts';
import type { Buffers } from './io-vectors.ts';
import { right, streamRights } from './rights.ts';
import type { Eventually, Waiting } from './waiting.ts';

/** Asks the other side for more bytes; it sends no byte that it was not asked for. */
export type AskForInput = (bytes: number) => void;

/** Bytes that may be on their way or waiting here. Enough to keep a program reading while the next ones travel. */
export const inputWindow = 262_144;

/** Standard input. Nothing is asked for before the program first reads, so that a program that does not read leaves all to its successor. */
export class InputStream extends Descriptor {
  readonly filetype = filetype.unknown;
  readonly #ask: AskForInput;
  readonly #chunks: Uint8Array[] = [];
  #buffered = 0;
  #asked = 0;
  #ended = false;

  constructor(ask: AskForInput) {
    super(streamRights | right.fdRead);
    this.#ask = ask;
  }

  /** From the other side. */
  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    this.#asked -= chunk.length;
  }

  /** From the other side: there will be no more. */
  end(): void {
    this.#ended = true;
  }

  read(into: Buffers): Eventually<number> {
    if (into.remaining === 0) return 0;
    this.#askAhead();
    if (this.#buffered > 0) return this.#take(into);
    if (this.#ended) return 0;
    return this.#readLater(into);
  }

  write(): number {
    return fail('badf');
  }

  readiness(direction: Direction): Readiness | undefined {
    if (direction === 'write') return fail('badf');
    this.#askAhead();
    if (this.#buffered === 0 && !this.#ended) return undefined;
    return { bytes: this.#buffered, hangup: this.#ended && this.#buffered === 0 };
  }

  *#readLater(into: Buffers): Waiting<number> {
    if (this.nonblocking) {
      yield 0;
      if (this.#buffered === 0 && !this.#ended) fail('again');
    }
    while (this.#buffered === 0 && !this.#ended) yield undefined;
    return this.#take(into);
  }

  #take(into: Buffers): number {
    let taken = 0;
    for (;;) {
      const chunk = this.#chunks[0];
      if (chunk === undefined || into.remaining === 0) break;
      const step = into.scatter(chunk);
      if (step === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(step);
      taken += step;
    }
    this.#buffered -= taken;
    this.#askAhead();
    return taken;
  }

  #askAhead(): void {
    const room = inputWindow - this.#buffered - this.#asked;
    if (this.#ended || room < inputWindow / 2) return;
    this.#asked += room;
    this.#ask(room);
  }
}
