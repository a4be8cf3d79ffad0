// SPDX-License-Identifier: Apache-2.0

/** Longest delay of a timer in milliseconds; a lease may be longer. */
const longestTimer = 2 ** 31 - 1;

/**
 * How long a Keep may still be. It runs by a clock that nobody sets; the time of day only says when that will be, and
 * carries the lease over a restart.
 */
export class Lease {
  readonly #clock: () => number;
  readonly #over: () => void;
  #granted: number | undefined;
  #expires: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param clock - milliseconds since 1970
   * @param over - called once, at the end
   */
  constructor(clock: () => number, over: () => void) {
    this.#clock = clock;
    this.#over = over;
  }

  /** Milliseconds that were last granted. */
  get granted(): number | undefined {
    return this.#granted;
  }

  /** The end, in milliseconds since 1970. */
  get expires(): number | undefined {
    return this.#expires;
  }

  /** So many milliseconds from now. */
  grant(lease: number): void {
    this.#granted = lease;
    this.#expires = this.#clock() + lease;
    this.#wait(performance.now() + lease);
  }

  /** What an earlier daemon granted. The time of day may have been set meanwhile: nobody gets more than was granted. */
  resume(lease: number, expires: number): void {
    this.#granted = lease;
    const remaining = Math.min(lease, Math.max(0, expires - this.#clock()));
    this.#expires = this.#clock() + remaining;
    this.#wait(performance.now() + remaining);
  }

  /** What is only to be told. */
  recall(lease: number | undefined, expires: number | undefined): void {
    this.#granted = lease;
    this.#expires = expires;
  }

  /** It no longer matters. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #wait(deadline: number): void {
    clearTimeout(this.#timer);
    const remaining = deadline - performance.now();
    this.#timer = setTimeout(
      () => {
        if (remaining > longestTimer) this.#wait(deadline);
        else this.#over();
      },
      Math.min(Math.max(0, remaining), longestTimer),
    );
  }
}
