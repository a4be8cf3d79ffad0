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

/** A Keep's place in the order; empty once the Keep stands further on. */
interface Place {
  readonly at: number;
  keep: Keep | undefined;
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
  /** In the order of the last change, with gaps. */
  #order: Place[] = [];
  readonly #last = new Map<Keep, Place>();
  /** The last change of any of a tenant's Keeps: whoever watches is woken by everybody's. */
  readonly #lastOf = new Map<string, number>();
  #removed: Removed[] = [];
  #forgotten = 0;
  #count = 0;
  readonly #signal = new Signal();

  note(keep: Keep): void {
    this.#leave(keep);
    const place = { at: this.#step(keep), keep };
    this.#order.push(place);
    this.#last.set(keep, place);
    if (this.#order.length > 2 * this.#last.size + 64)
      this.#order = this.#order.filter(({ keep: there }) => there !== undefined);
    this.#signal.emit();
  }

  noteRemoved(keep: Keep): void {
    this.#leave(keep);
    this.#removed.push({ at: this.#step(keep), id: keep.id, tenant: keep.belonging.tenant });
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
    const next = `${this.#epoch}-${String(this.#count)}`;
    const last = tenant === undefined ? this.#count : (this.#lastOf.get(tenant) ?? 0);
    if (!reset && last <= after) return { cursor: next, reset, keeps: [], removed: [] };
    const mine = (owner: string): boolean => tenant === undefined || owner === tenant;
    const keeps = behind(this.#order, reset ? -1 : after)
      .map(({ keep }) => keep)
      .filter((keep) => keep !== undefined && mine(keep.belonging.tenant)) as Keep[];
    const removed = reset
      ? []
      : behind(this.#removed, after)
          .filter(({ tenant: owner }) => mine(owner))
          .map(({ id }) => id);
    return { cursor: next, reset, keeps, removed };
  }

  #step(keep: Keep): number {
    this.#count += 1;
    this.#lastOf.set(keep.belonging.tenant, this.#count);
    return this.#count;
  }

  #leave(keep: Keep): void {
    const place = this.#last.get(keep);
    if (place !== undefined) place.keep = undefined;
    this.#last.delete(keep);
  }

  /** Resolves at the next change of anything, or after the time given in milliseconds. */
  async next(longest: number): Promise<void> {
    await this.#signal.next(performance.now() + longest);
  }
}

/** Looked for from the end, where whoever watches stands. */
function behind<T extends { readonly at: number }>(all: readonly T[], after: number): T[] {
  return all.slice(all.findLastIndex(({ at }) => at <= after) + 1);
}
