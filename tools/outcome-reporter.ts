// SPDX-License-Identifier: Apache-2.0
import type { TestEvent } from 'node:test/reporters';

/** Lines of the file that this reporter writes. */
export type Outcome =
  | { readonly skipped: string; readonly reason: string }
  | { readonly failed: string; readonly file: string }
  | { readonly counts: Counts };

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly skipped: number;
}

/** What a run came to, one JSON object a line: the tests that were skipped or failed, and the counts of the whole run. */
export default async function* outcomes(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const outcome = outcomeOf(event);
    if (outcome !== undefined) yield `${JSON.stringify(outcome)}\n`;
  }
}

function outcomeOf(event: TestEvent): Outcome | undefined {
  if (event.type === 'test:pass') {
    const { name, skip } = event.data;
    if (skip === undefined || skip === false) return undefined;
    return { skipped: name, reason: skip === true ? 'no reason given' : skip };
  }
  if (event.type === 'test:fail') return { failed: event.data.name, file: event.data.file ?? '' };
  // Each file has a summary of its own; the one of the run names none.
  if (event.type !== 'test:summary' || event.data.file !== undefined) return undefined;
  const { tests, passed, cancelled, skipped, todo } = event.data.counts;
  // Node counts the failed, too, but its types do not know it.
  return { counts: { passed, failed: tests - passed - cancelled - skipped - todo, cancelled, skipped } };
}
