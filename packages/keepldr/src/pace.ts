// SPDX-License-Identifier: Apache-2.0

/** A bucket of permits that fills at a steady rate, by a clock that nobody sets. */
export class Pace {
  readonly #size: number;
  readonly #perSecond: number;
  #permits: number;
  #filled = performance.now();

  constructor(size: number, perSecond: number) {
    this.#size = size;
    this.#perSecond = perSecond;
    this.#permits = size;
  }

  /** Resolves when one more is due. */
  async next(): Promise<void> {
    this.#fill();
    this.#permits -= 1;
    if (this.#permits >= 0) return;
    const wait = (-this.#permits / this.#perSecond) * 1000;
    await new Promise((resolve) => setTimeout(resolve, wait).unref());
  }

  /** Takes a permit, or says that there is none. */
  take(): boolean {
    this.#fill();
    if (this.#permits < 1) return false;
    this.#permits -= 1;
    return true;
  }

  #fill(): void {
    const now = performance.now();
    this.#permits = Math.min(this.#size, this.#permits + ((now - this.#filled) / 1000) * this.#perSecond);
    this.#filled = now;
  }
}
