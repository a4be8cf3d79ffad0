// SPDX-License-Identifier: Apache-2.0
import { keepmgrProblem } from '../problems.ts';

/**
 * A number of places for which tenants wait in turn: each has a line of its own, and a place that becomes free goes to the
 * next line, not to the longest.
 */
export class FairQueue {
  readonly #places: () => number;
  readonly #longestLine: () => number;
  /** In the order in which tenants are served next. */
  readonly #lines = new Map<string, (() => void)[]>();
  #taken = 0;

  constructor(places: () => number, longestLine: () => number) {
    this.#places = places;
    this.#longestLine = longestLine;
  }

  /** Whether a place is free now, so that nobody waits. */
  get hasRoom(): boolean {
    return this.#taken < this.#places();
  }

  /**
   * Resolves when the tenant has a place, to how it is given back.
   * @throws EnarxError `keepmgr/too-fast` when its line is too long
   */
  async enter(tenant: string): Promise<() => void> {
    if (!this.hasRoom) {
      const line = this.#lines.get(tenant) ?? [];
      const most = this.#longestLine();
      if (line.length >= most)
        throw keepmgrProblem('keepmgr/too-fast', {
          expected: `at most ${String(most)} that wait for their launch`,
        });
      this.#lines.set(tenant, line);
      await new Promise<void>((resolve) => line.push(resolve));
    } else this.#taken += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#leave();
    };
  }

  #leave(): void {
    const [next] = this.#lines;
    if (next === undefined || this.#taken > this.#places()) {
      this.#taken -= 1;
      return;
    }
    const [tenant, line] = next;
    // To the end of the order, or out of it.
    this.#lines.delete(tenant);
    const first = line.shift();
    if (line.length > 0) this.#lines.set(tenant, line);
    first?.();
  }
}
