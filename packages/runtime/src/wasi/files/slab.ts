// SPDX-License-Identifier: Apache-2.0

/**
 * Full chunks are carved out of large allocations and used again, since making and collecting an ArrayBuffer for each costs several times what copying
 * into it does. The operating system gives memory to a slab only where it is touched.
 */
const slabSize = 16_777_216;

/** Gives out arrays of zeros, all of one length. */
export class Slabs {
  readonly #length: number;
  readonly #free: Uint8Array[] = [];
  #slab = new Uint8Array(0);
  #used = 0;

  constructor(length: number) {
    this.#length = length;
  }

  take(): Uint8Array {
    const used = this.#free.pop();
    if (used !== undefined) return used.fill(0);
    if (this.#used + this.#length > this.#slab.length) {
      this.#slab = new Uint8Array(slabSize);
      this.#used = 0;
    }
    const array = this.#slab.subarray(this.#used, this.#used + this.#length);
    this.#used += this.#length;
    return array;
  }

  /** @param array - from {@link take}, of which nobody keeps a view */
  giveBack(array: Uint8Array): void {
    this.#free.push(array);
  }
}
