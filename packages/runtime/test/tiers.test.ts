// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { programs } from '../../../test/support/programs.ts';
import { op, wasmModule } from '../../../test/support/wasm-module.ts';
import { exportHotPaths } from '../src/runner/hot-paths.ts';
import { runToEnd, type Given } from './support.ts';

/** Milliseconds from the start of the program to its end, and how it ended. */
async function timed(module: Uint8Array, given: Given) {
  let begun = 0;
  const { ended } = await runToEnd(module, { ...given, onStarted: () => (begun = performance.now()) });
  return { time: performance.now() - begun, ended };
}

describe('a loop in a function that is called once', () => {
  const large = programs.loopInModule(250, 600);
  const small = programs.loopInModule(250, 6);

  for (const [size, module] of Object.entries({ large, small })) {
    test(`runs at the top tier in a ${size} module, since _start leads to it`, async () => {
      assert.equal(module.length > 1_572_864, size === 'large');
      for (const blocking of [false, true]) {
        const baseline = await timed(module, { optimize: 'baseline', blocking });
        const auto = await timed(module, { blocking });
        assert.ok(
          auto.time * 1.5 < baseline.time,
          `${auto.time.toFixed(0)} ms against ${baseline.time.toFixed(0)} ms at the baseline tier`,
        );
      }
    });
  }

  test('is compiled well before the program starts, and one that two places call is not', () => {
    const namesFor = (calls: readonly number[]): readonly string[] | undefined => {
      const module = wasmModule({
        functions: [
          { name: '_start', exported: true, body: calls.flatMap((index) => op.call(index)) },
          { name: 'compute', body: op.loop([]) },
        ],
      });
      const buffer = new Uint8Array(65_536 + module.length);
      buffer.set(module, 65_536);
      return exportHotPaths(buffer, 65_536)?.names;
    };
    assert.equal(namesFor([1])?.length, 1);
    assert.equal(namesFor([1, 1]), undefined);
  });

  test('of Go is looked for from main.main on, to which only the table and a scheduler lead', () => {
    const namesFor = (name: string, section: string): readonly string[] | undefined => {
      const module = wasmModule({
        functions: [
          { name: '_start', exported: true, body: [] },
          { name: 'main.other', body: op.loop([]) },
          { name, body: op.call(3) },
          { name: 'compute', body: op.loop([]) },
        ],
        custom: [{ name: section, content: [] }],
      });
      const buffer = new Uint8Array(65_536 + module.length);
      buffer.set(module, 65_536);
      return exportHotPaths(buffer, 65_536)?.names;
    };
    assert.deepEqual(namesFor('main.main', 'go:buildid'), ['\u0001enarx/3']);
    assert.equal(namesFor('main.make', 'go:buildid'), undefined);
    assert.equal(namesFor('main.main', 'go:builder'), undefined);
  });

  test('leaves traps where they are in the module that was delivered', async () => {
    const small = programs.loopInModule(1, 600);
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
