// SPDX-License-Identifier: Apache-2.0

/** A bucket of permits that fills at a steady rate. The clock must not run backwards: `performance.now`, not the time of day. */
export class Pace {
  readonly #size: number;
  readonly #perSecond: number;
  readonly #now: () => number;
  #permits: number;
  #filled: number;

  constructor(size: number, perSecond: number, now: () => number = () => performance.now()) {
    this.#size = size;
    this.#perSecond = perSecond;
    this.#now = now;
    this.#permits = size;
    this.#filled = now();
  }

  /** Takes a permit, or says that there is none. */
  take(): boolean {
    const now = this.#now();
    this.#permits = Math.min(this.#size, this.#permits + ((now - this.#filled) / 1000) * this.#perSecond);
    this.#filled = now;
    if (this.#permits < 1) return false;
    this.#permits -= 1;
    return true;
  }
}
