// SPDX-License-Identifier: Apache-2.0
import { cutText, printable } from '@enarx/protocol';

/** What an event is about. Never anything of a tenant's. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Writes one event of the daemon. */
export type DaemonLog = (event: string, fields?: LogFields) => void;

const longestField = 512;

/** One line of JSON per event: `{"time": …, "event": …, …}`. */
export function jsonLinesLog(write: (line: string) => void, clock: () => number): DaemonLog {
  return (event, fields = {}) => {
    const safe = Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' ? cutText(printable(value), longestField) : value,
    ]);
    const time = new Date(clock()).toISOString();
    write(`${JSON.stringify({ time, event, ...(Object.fromEntries(safe) as LogFields) })}\n`);
  };
}
