// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { programs } from '../../../test/support/programs.ts';
import { runToEnd, type Given } from './support.ts';

/** Milliseconds from the start of the program to its end, and how it ended. */
async function timed(module: Uint8Array, given: Given) {
  let begun = 0;
  const { ended } = await runToEnd(module, { ...given, onStarted: () => (begun = performance.now()) });
  return { time: performance.now() - begun, ended };
}

describe('a loop in a function that is called once', () => {
  const large = programs.loopInLargeModule(250);

  test('runs at the top tier in a large module, too, since _start leads to it', async () => {
    assert.ok(large.length > 1_572_864);
    for (const blocking of [false, true]) {
      const baseline = await timed(large, { optimize: 'baseline', blocking });
      const auto = await timed(large, { blocking });
      assert.ok(
        auto.time * 1.5 < baseline.time,
        `${auto.time.toFixed(0)} ms against ${baseline.time.toFixed(0)} ms at the baseline tier`,
      );
    }
  });

  test('leaves traps where they are in the module that was delivered', async () => {
    const small = programs.loopInLargeModule(1);
    const auto = await timed(small, {});
    const full = await timed(small, { optimize: 'full' });
    assert.ok(auto.ended.how === 'trap');
    assert.deepEqual(auto.ended, full.ended);
    assert.match(auto.ended.frames[0] ?? '', /^fail function\[3\]:0x/);
  });
});

test('each way to optimise runs the same program to the same end', async () => {
  for (const optimize of ['auto', 'baseline', 'full'] as const) {
    const { ended, stdout } = await runToEnd(programs.print('done'), { optimize });
    assert.deepEqual(ended, { how: 'exit', code: 0 });
    assert.equal(stdout.toString(), 'done');
  }
});
