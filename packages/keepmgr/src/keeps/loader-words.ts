// SPDX-License-Identifier: Apache-2.0
import type { KeepState } from '@enarx/protocol';

import { eventsFor, type KeepEvent } from './states.ts';

/** Steps that the table does not have, before the loader counts as hostile. */
const mostLies = 8;

/** What one loader says of its Keep, held against the table of states. */
export class LoaderWords {
  #lies = 0;

  /** What its word stands for, or that it cannot be true, or that it has not been too often. */
  heard(
    from: KeepState,
    told: KeepState,
    how: Parameters<typeof eventsFor>[2],
  ): readonly KeepEvent[] | 'lie' | 'liar' {
    const events = eventsFor(from, told, how);
    if (events !== undefined) return events;
    this.#lies += 1;
    return this.#lies >= mostLies ? 'liar' : 'lie';
  }
}
