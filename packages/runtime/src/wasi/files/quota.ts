// SPDX-License-Identifier: Apache-2.0
import { fail } from '../errno.ts';

/** Something that a program may use up. What came with the package is counted, too, and granted on top. */
export class Quota {
  #left: number;

  constructor(limit: number) {
    this.#left = limit;
  }

  get left(): number {
    return this.#left;
  }

  /** Ends the call with `nospc` when there is not that much left. */
  take(amount: number): void {
    if (amount > this.#left) fail('nospc');
    this.#left -= amount;
  }

  give(amount: number): void {
    this.#left += amount;
  }
}
