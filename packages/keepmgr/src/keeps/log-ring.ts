// SPDX-License-Identifier: Apache-2.0
import type { KeepLog, LogEntry } from '@enarx/protocol';

import { printable } from '../printable.ts';

const most = 256;

/** The last events of one Keep on the host. Older ones give way. */
export class LogRing {
  readonly #clock: () => number;
  readonly #entries: LogEntry[] = [];

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** The time is the daemon's own, whoever reports. */
  add(source: LogEntry['source'], event: string, detail?: string): void {
    this.#entries.push({
      time: this.#clock(),
      source,
      event: printable(event, 64),
      ...(detail === undefined ? {} : { detail: printable(detail, 512) }),
    });
    if (this.#entries.length > most) this.#entries.shift();
  }

  /** Together with entries from elsewhere, oldest first. */
  entriesWith(others: readonly LogEntry[]): KeepLog {
    return [...others, ...this.#entries].sort((one, other) => one.time - other.time);
  }
}
