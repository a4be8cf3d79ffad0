// SPDX-License-Identifier: Apache-2.0
import { fail } from './errno.ts';
import type { GuestMemory } from './memory.ts';

const vectorSize = 8;
/** Up to so many bytes a loop is faster than making the views that `set` needs. */
const loopSize = 32;

/** Bytes on their way into a program or out of it, with a cursor. */
export interface Buffers {
  /** Bytes that are still to be moved. */
  readonly remaining: number;
  /** Moves bytes from the program to `target` from `at` on, at most `limit` and at most what is left. @returns how many */
  gather(target: Uint8Array, at?: number, limit?: number): number;
  /** Moves bytes of `source` from `at` on into the program, at most `limit` and at most what there is room for. @returns how many */
  scatter(source: Uint8Array, at?: number, limit?: number): number;
}

/** Bytes that lie together, in memory of the host. */
export class FlatBuffer implements Buffers {
  readonly bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get remaining(): number {
    return this.bytes.length - this.#at;
  }

  gather(target: Uint8Array, at = 0, limit = target.length - at): number {
    const part = this.bytes.subarray(this.#at, this.#at + limit);
    target.set(part, at);
    this.#at += part.length;
    return part.length;
  }

  scatter(source: Uint8Array, at = 0, limit = source.length - at): number {
    const part = source.subarray(at, at + Math.min(limit, this.remaining));
    this.bytes.set(part, this.#at);
    this.#at += part.length;
    return part.length;
  }
}

/**
 * The scattered buffers of one `fd_read`, `fd_write` and their like, with a cursor. The list stays in the program's memory and is read as the
 * cursor passes, so that a list of millions of entries costs the host nothing.
 */
export class IoVectors implements Buffers {
  readonly #memory: GuestMemory;
  readonly #list: number;
  readonly #count: number;
  /** Bytes that are still to be moved. */
  remaining = 0;
  #index = 0;
  #offset = 0;

  /** Ends the call with `fault` when the list or any buffer is not the program's, with `inval` when they add up to more than a `size` can say. */
  constructor(memory: GuestMemory, list: number, count: number) {
    this.#memory = memory;
    this.#list = list >>> 0;
    this.#count = count >>> 0;
    memory.check(this.#list, this.#count * vectorSize);
    for (let i = 0; i < this.#count; i += 1) {
      const entry = this.#list + i * vectorSize;
      const size = memory.getU32(entry + 4);
      memory.check(memory.getU32(entry), size);
      this.remaining += size;
    }
    if (this.remaining > 0xffff_ffff) fail('inval');
  }

  /** Moves bytes from the program to `target` from `at` on, at most `limit` and at most what is left. @returns how many */
  gather(target: Uint8Array, at = 0, limit = target.length - at): number {
    const wanted = Math.min(limit, this.remaining);
    let done = 0;
    while (done < wanted) {
      const step = this.#span(wanted - done);
      if (step > 0) copy(this.#memory.bytes, this.#start, target, at + done, step);
      done += step;
      this.#advance(step);
    }
    this.remaining -= done;
    return done;
  }

  /** Moves bytes of `source` from `at` on into the program, at most `limit` and at most what there is room for. @returns how many */
  scatter(source: Uint8Array, at = 0, limit = source.length - at): number {
    const wanted = Math.min(limit, this.remaining);
    let done = 0;
    while (done < wanted) {
      const step = this.#span(wanted - done);
      if (step > 0) copy(source, at + done, this.#memory.bytes, this.#start, step);
      done += step;
      this.#advance(step);
    }
    this.remaining -= done;
    return done;
  }

  /** Where in the program's memory the cursor stands. */
  get #start(): number {
    return this.#memory.getU32(this.#list + this.#index * vectorSize) + this.#offset;
  }

  /**
   * Bytes up to the end of the current vector, at most `limit`. Another thread of the program may have changed the list since it was checked: a vector
   * that has shrunk or moved then ends the call instead of the host.
   */
  #span(limit: number): number {
    if (this.#index >= this.#count) fail('fault');
    const left = this.#memory.getU32(this.#list + this.#index * vectorSize + 4) - this.#offset;
    if (left < 0) fail('fault');
    const step = Math.min(left, limit);
    this.#memory.check(this.#start, step);
    if (step === left) this.#atEnd = true;
    return step;
  }

  #atEnd = false;

  #advance(step: number): void {
    if (this.#atEnd) {
      this.#index += 1;
      this.#offset = 0;
      this.#atEnd = false;
    } else {
      this.#offset += step;
    }
  }
}

function copy(source: Uint8Array, from: number, target: Uint8Array, to: number, length: number): void {
  if (length > loopSize) {
    target.set(source.subarray(from, from + length), to);
    return;
  }
  for (let i = 0; i < length; i += 1) target[to + i] = source[from + i] as number;
}
