// SPDX-License-Identifier: Apache-2.0
import { cutText, printable, type KeepLog, type LogEntry } from '@enarx/protocol';

const most = 256;

/** Something that happened to a Keep. */
export interface HappenedEntry {
  readonly source: LogEntry['source'];
  readonly event: string;
  readonly detail: string | undefined;
  /** The request that brought it about, 8 bytes. */
  readonly request: Uint8Array | undefined;
}

/** The last events of one Keep on the host. Older ones give way. */
export class LogRing {
  readonly #clock: () => number;
  readonly #entries: LogEntry[] = [];

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** The time is the daemon's own, whoever reports. */
  add({ source, event, detail, request }: HappenedEntry): void {
    this.#entries.push({
      time: this.#clock(),
      source,
      event: cutText(printable(event), 64),
      ...(detail === undefined ? {} : { detail: cutText(printable(detail), 512) }),
      ...(request === undefined ? {} : { request }),
    });
    if (this.#entries.length > most) this.#entries.shift();
  }

  /** Together with entries from elsewhere, oldest first. */
  entriesWith(others: readonly LogEntry[]): KeepLog {
    return [...others, ...this.#entries].sort((one, other) => one.time - other.time);
  }
}
