// SPDX-License-Identifier: Apache-2.0

/** Whole numbers from a seed, the same each time: a finding can be reached again. xorshift32 (Marsaglia 2003). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** 32 bits. */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state;
  }

  /** 0 to before `end`. */
  below(end: number): number {
    return this.next() % end;
  }

  /** One of them. */
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}
