// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Coverage } from './coverage.ts';
import { fuzz } from './fuzzer.ts';
import { allTargets } from './targets.ts';

/** Chance alone would need four thousand million inputs. */
function nested(input: Uint8Array): void {
  if (input[0] === 0xe5) {
    if (input[1] === 0x4a) {
      if (input[2] === 0x91) {
        if (input[3] === 0x17) throw new RangeError('found');
      }
    }
  }
}

test('coverage leads to what chance would not find', { timeout: 120_000 }, async () => {
  const coverage = new Coverage(/fuzz\.test\.ts/);
  const target = { name: 'nested', run: nested, seeds: () => [new Uint8Array(8)], longest: 8 };
  const { finding, executions } = await fuzz({ target, coverage, executions: 400_000, seed: 7 });
  coverage.stop();
  assert.deepEqual(
    finding?.input.subarray(0, 4),
    Uint8Array.of(0xe5, 0x4a, 0x91, 0x17),
    `${String(executions)} executions`,
  );
  assert.match(finding.reason, /RangeError: found/);
});

test('a decoder that writes into its input is a finding', async () => {
  const coverage = new Coverage(/fuzz\.test\.ts/);
  const seeds = (): Uint8Array[] => [new Uint8Array(4)];
  const writes = { name: 'writes', run: (input: Uint8Array) => input.fill(1), seeds };
  const { finding } = await fuzz({ target: writes, coverage, executions: 100, seed: 1 });
  coverage.stop();
  assert.match(finding?.reason ?? '', /changed its input/);
});

test('every target takes its seeds and a few inputs of chance', { timeout: 170_000 }, async () => {
  const targets = await allTargets();
  assert.ok(targets.length >= 31);
  assert.equal(new Set(targets.map(({ name }) => name)).size, targets.length);
  const coverage = new Coverage(/\/packages\//);
  for (const target of targets) {
    const { finding } = await fuzz({ target, coverage, executions: 60, seed: 3 });
    assert.equal(finding?.reason, undefined, target.name);
  }
  coverage.stop();
});
