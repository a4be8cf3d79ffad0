// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';

import type { Keep } from './keep.ts';
import { Signal } from './signal.ts';

/** Removed Keeps that whoever watches is still told of by name; who is further behind is told to begin again. */
const mostRemoved = 16_384;

/** What changed since a cursor. */
export interface Changed {
  /** Where to go on from. */
  readonly cursor: string;
  /** The cursor was of another daemon, or too old: forget what you knew, these are all. */
  readonly reset: boolean;
  readonly keeps: readonly Keep[];
  readonly removed: readonly Uint8Array[];
}

interface Removed {
  readonly at: number;
  readonly id: Uint8Array;
  readonly tenant: string;
}

/**
 * The order in which Keeps changed. Each Keep stands in it once, at its last change, so it is as long as there are Keeps,
 * and one who watches late learns the newest state and not the history.
 */
export class Changes {
  readonly #epoch = randomBytes(8).toString('hex');
  /** In the order of the last change. */
  readonly #last = new Map<Keep, number>();
  #removed: Removed[] = [];
  #forgotten = 0;
  #count = 0;
  readonly #signal = new Signal();

  note(keep: Keep): void {
    this.#last.delete(keep);
    this.#last.set(keep, (this.#count += 1));
    this.#signal.emit();
  }

  noteRemoved(keep: Keep): void {
    this.#last.delete(keep);
    this.#removed.push({ at: (this.#count += 1), id: keep.id, tenant: keep.belonging.tenant });
    if (this.#removed.length > mostRemoved) {
      this.#forgotten = this.#removed[mostRemoved / 2]?.at ?? 0;
      this.#removed = this.#removed.slice(mostRemoved / 2 + 1);
    }
    this.#signal.emit();
  }

  /**
   * @param cursor - of an earlier answer, or empty
   * @param tenant - whose Keeps, or `undefined` for all
   */
  since(cursor: string, tenant: string | undefined): Changed {
    const [epoch, position = ''] = cursor.split('-');
    const after = /^\d{1,15}$/.test(position) ? Number(position) : -1;
    const reset = epoch !== this.#epoch || after < this.#forgotten || after > this.#count;
    const mine = (owner: string): boolean => tenant === undefined || owner === tenant;
    const keeps = [...this.#last]
      .filter(([keep, at]) => (reset || at > after) && mine(keep.belonging.tenant))
      .map(([keep]) => keep);
    const removed = reset
      ? []
      : this.#removed.filter(({ at, tenant: owner }) => at > after && mine(owner)).map(({ id }) => id);
    return { cursor: `${this.#epoch}-${String(this.#count)}`, reset, keeps, removed };
  }

  /** Resolves at the next change of anything, or after the time given in milliseconds. */
  async next(longest: number): Promise<void> {
    await this.#signal.next(performance.now() + longest);
  }
}
