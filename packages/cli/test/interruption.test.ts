// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Output } from '../src/output.ts';
import { Interruption } from '../src/run/interruption.ts';

function outputTo(lines: string[], isTTY: boolean, json = false): Output {
  const stream = { isTTY, write: (text: string) => lines.push(text) };
  return new Output({ stdout: stream, stderr: stream, env: {} }, json);
}

test('whoever interrupts at a terminal is told at once what happens now, and a file is not', () => {
  for (const isTTY of [true, false]) {
    const lines: string[] = [];
    using interruption = new Interruption(outputTo(lines, isTTY), 'removing the Keep');
    process.emit('SIGINT');
    assert.equal(interruption.signal.aborted, true);
    assert.equal(interruption.status, 130);
    assert.deepEqual(lines, isTTY ? ['interrupted: removing the Keep; once more leaves at once\n'] : []);
  }
});

test('a program that reads events is told of it as of others', () => {
  const lines: string[] = [];
  using interruption = new Interruption(outputTo(lines, false, true), 'removing the Keep');
  process.emit('SIGTERM');
  assert.equal(interruption.status, 143);
  assert.deepEqual(lines, ['{"event":"interrupted","signal":"SIGTERM"}\n']);
});
