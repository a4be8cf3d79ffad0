// SPDX-License-Identifier: Apache-2.0
import { fail } from './errno.ts';
import type { GuestMemory } from './memory.ts';

const vectorSize = 8;

/**
 * The scattered buffers of one `fd_read`, `fd_write` and their like, with a cursor. The list stays in the program's memory and is read as the
 * cursor passes, so that a list of millions of entries costs the host nothing.
 */
export class IoVectors {
  readonly #memory: GuestMemory;
  readonly #list: number;
  /** Bytes that are still to be moved. */
  remaining = 0;
  #index = 0;
  #offset = 0;

  /** Ends the call with `fault` when the list or any buffer is not the program's, with `inval` when they add up to more than a `size` can say. */
  constructor(memory: GuestMemory, list: number, count: number) {
    this.#memory = memory;
    this.#list = list >>> 0;
    const length = count >>> 0;
    memory.check(this.#list, length * vectorSize);
    for (let i = 0; i < length; i += 1) {
      const entry = this.#list + i * vectorSize;
      const size = memory.getU32(entry + 4);
      memory.check(memory.getU32(entry), size);
      this.remaining += size;
    }
    if (this.remaining > 0xffff_ffff) fail('inval');
  }

  /** Moves bytes from the program into `target`, at most what is left. @returns how many */
  gather(target: Uint8Array): number {
    return this.#move(target.length, (memory, at, done, step) => {
      target.set(memory.subarray(at, at + step), done);
    });
  }

  /** Moves bytes from `source` into the program, at most what there is room for. @returns how many */
  scatter(source: Uint8Array): number {
    return this.#move(source.length, (memory, at, done, step) => {
      memory.set(source.subarray(done, done + step), at);
    });
  }

  #move(limit: number, copy: (memory: Uint8Array, at: number, done: number, step: number) => void): number {
    const wanted = Math.min(limit, this.remaining);
    const bytes = this.#memory.bytes;
    let done = 0;
    while (done < wanted) {
      const entry = this.#list + this.#index * vectorSize;
      const start = this.#memory.getU32(entry) + this.#offset;
      const left = this.#memory.getU32(entry + 4) - this.#offset;
      const step = Math.min(left, wanted - done);
      if (step > 0) copy(bytes, start, done, step);
      done += step;
      this.#offset += step;
      if (step === left) {
        this.#index += 1;
        this.#offset = 0;
      }
    }
    this.remaining -= done;
    return done;
  }
}
