// SPDX-License-Identifier: Apache-2.0
import { keepmgrProblem } from '../problems.ts';

/**
 * Counts what is in progress for each of several. A connection may carry any number of requests at once (pipelining), and one that waits for
 * a change takes its connection for half a minute: without a bound, one tenant has all connections there are.
 */
export class InProgress {
  readonly #most: () => number;
  readonly #counts = new Map<string, number>();

  constructor(most: () => number) {
    this.#most = most;
  }

  /** @returns ends it @throws EnarxError `api/too-many-requests` */
  begin(whose: string): () => void {
    const count = this.#counts.get(whose) ?? 0;
    if (count >= this.#most())
      throw keepmgrProblem('api/too-many-requests', {
        expected: `at most ${String(this.#most())} at a time`,
      });
    this.#counts.set(whose, count + 1);
    return () => {
      const left = (this.#counts.get(whose) ?? 1) - 1;
      if (left > 0) this.#counts.set(whose, left);
      else this.#counts.delete(whose);
    };
  }
}
