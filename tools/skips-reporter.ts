// SPDX-License-Identifier: Apache-2.0
import type { TestEvent } from 'node:test/reporters';

/** One line of the file that this reporter writes. */
export interface SkippedTest {
  readonly name: string;
  readonly reason: string;
}

/** Lists the tests that were skipped, with their reasons, one JSON object a line. */
export default async function* skips(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type !== 'test:pass' || event.data.skip === undefined || event.data.skip === false) continue;
    const reason = event.data.skip === true ? 'no reason given' : event.data.skip;
    yield `${JSON.stringify({ name: event.data.name, reason } satisfies SkippedTest)}\n`;
  }
}
