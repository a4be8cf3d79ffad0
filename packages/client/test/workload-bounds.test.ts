// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { describeWorkload, moduleFromBytes } from '@enarx/client';
import { decodeMessage, deliver, type EnarxError } from '@enarx/protocol';

const module = moduleFromBytes(Uint8Array.of(1));
const times = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);

/** Each is the most that can be said, and by how little it is too much. */
const bounds = [
  ['arguments', { args: times(1024, 'a') }, { args: times(1025, 'a') }, '1025 arguments', 'at most 1024'],
  [
    'an argument',
    { args: ['a', 'ä'.repeat(16_384)] },
    { args: ['a', `${'ä'.repeat(16_384)}b`] },
    '32769 bytes in argument 1',
    'at most 32768',
  ],
  [
    'variables',
    { args: [], env: times(1024, ['A', ''] as const) },
    { args: [], env: times(1025, ['A', ''] as const) },
    '1025 variables',
    'at most 1024',
  ],
  [
    'the name of a variable',
    { args: [], env: [['N'.repeat(1024), ''] as const] },
    { args: [], env: [['N'.repeat(1025), ''] as const] },
    '1025 bytes in the name of the variable NNN',
    'at most 1024',
  ],
  [
    'a variable',
    { args: [], env: [['NAME', 'v'.repeat(32_768)] as const] },
    { args: [], env: [['NAME', 'v'.repeat(32_769)] as const] },
    '32769 bytes in the variable NAME',
    'at most 32768',
  ],
  [
    'descriptors',
    { args: [], files: times(1024, { kind: 'null' } as const) },
    { args: [], files: times(1025, { kind: 'null' } as const) },
    '1025 descriptors',
    'at most 1024',
  ],
  [
    'all of it together',
    { args: times(3, 'a'.repeat(21_000)) },
    { args: times(3, 'a'.repeat(22_000)) },
    'arguments, environment, descriptors and their certificates together: deliver of 66',
    'at most 65536 bytes',
  ],
] as const;

for (const [what, most, more, found, expected] of bounds)
  test(`${what} beyond what a delivery can say: the tenant is told which bound, what was found, and what to do`, () => {
    assert.deepEqual(decodeMessage(deliver, describeWorkload({ module, ...most })).args, [...most.args]);
    assert.throws(
      () => describeWorkload({ module, ...more }),
      (error: EnarxError) =>
        error.code === 'client/workload-bounds' &&
        error.found?.startsWith(found) === true &&
        error.expected === expected &&
        error.mend.includes('--dir'),
    );
  });
