// SPDX-License-Identifier: Apache-2.0

/** How long a waiting call is willing to wait before it looks again: milliseconds, or without end. 0 only lets in what has arrived. */
export type Pause = number | undefined;

/**
 * A call that has to wait, as a generator: each `yield` waits until something has changed, or the pause is over, and may return early. The same code
 * then runs on both bindings, one of which suspends the program's stack while the other blocks the process.
 */
export type Waiting<T> = Generator<Pause, T, void>;

/** A result that is there at once, or after waiting. */
export type Eventually<T extends number | undefined> = T | Waiting<T>;

/**
 * Whether a call that finds nothing, and must not wait, has to let in what has arrived before it says so: a program that only ever tries would never get any. It need
 * not where that was done since it last found nothing, by whatever call: a turn of the event loop costs as much as the call itself.
 */
export class Arrivals {
  static #letIn = 0;
  #seen = 0;

  /** To be asked each time that nothing is found. After a `yield` for it, and after others in a call that asks here, comes {@link letIn}; where that is left out, a turn more is taken. */
  due(): boolean {
    const due = this.#seen === Arrivals.#letIn;
    this.#seen = Arrivals.#letIn;
    return due;
  }

  letIn(): void {
    Arrivals.#letIn += 1;
    this.#seen = Arrivals.#letIn;
  }
}
