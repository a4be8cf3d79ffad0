// SPDX-License-Identifier: Apache-2.0
import { formatKeepId, printable, type Keep } from '@enarx/protocol';

import { table, type Json } from '../output.ts';

/** A Keep as the host describes it, for `--json`. */
export function keepJson({ id, tee, state, created, ended, reason, expires }: Keep): Json {
  return {
    id: formatKeepId(id),
    tee,
    state,
    created: isoTime(created),
    ended: ended === undefined ? undefined : isoTime(ended),
    reason,
    expires: expires === undefined ? undefined : isoTime(expires),
  };
}

/** Keeps, one a line. */
export function keepTable(keeps: readonly Keep[]): string {
  const rows = keeps.map(({ id, tee, state, created, reason }) => [
    formatKeepId(id),
    tee,
    state,
    isoTime(created),
    reason === undefined ? '' : printable(reason),
  ]);
  return table([['ID', 'KIND', 'STATE', 'CREATED', 'REASON'], ...rows]);
}

/** A host may say any number; most are no date. */
export function isoTime(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? 'no time' : date.toISOString();
}
