// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';

import { EarlyOutput } from '../src/backends/early-output.ts';

const together = (before: string, now: string): string => before + now;

describe('what a process says', () => {
  test('before its guest is ready is kept, from all its outputs', async () => {
    const child = spawn('/bin/sh', ['-c', 'echo one; echo two >&2']);
    const output = new EarlyOutput([child.stdout, child.stderr], 'utf8', together);
    await once(child, 'close');
    assert.match(output.text, /^: (one\ntwo|two\none)$/);
  });

  test('after that is read, however much it is, and not kept', async () => {
    const child = spawn('/bin/sh', ['-c', 'echo early; read go; head -c 1000000 /dev/zero; exit 3']);
    const output = new EarlyOutput([child.stdout], 'latin1', together);
    await once(child.stdout, 'data');
    assert.equal(output.text, ': early');
    output.close();
    child.stdin.end('go\n');
    assert.deepEqual(await once(child, 'exit'), [3, null]);
    assert.equal(output.text, '');
  });

  test('is nothing where it says nothing but white space', async () => {
    const child = spawn('/bin/sh', ['-c', 'echo']);
    const output = new EarlyOutput([child.stdout], 'utf8', together);
    await once(child, 'close');
    assert.equal(output.text, '');
  });
});
