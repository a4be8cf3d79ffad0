// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { programs } from '../../../test/support/programs.ts';
import { inNode } from './node-wasi.ts';
import { runToEnd, type Given } from './support.ts';

const hello = readFileSync(join(import.meta.dirname, '../../../examples/hello/hello.wasm'));
/** What differs in each run by intent. */
const withoutRandom = (bytes: Buffer): string =>
  bytes.toString('utf8').replace(/random number: [0-9a-f]{16}/, 'random number');

describe('a program', () => {
  const inputs: Record<string, Given> = {
    'no input at all': { stdin: new Uint8Array(0) },
    'arguments, environment and input': {
      args: ['hello', 'ünï', '', '--exit=42'],
      env: [
        ['GREETING', 'grüß Gott'],
        ['EMPTY', ''],
      ],
      stdin: Buffer.from('first\nsecond\nno newline at the end'),
    },
    'an argument that it refuses': { args: ['hello', '--exit=x'], stdin: new Uint8Array(0) },
  };
  for (const [what, given] of Object.entries(inputs)) {
    test(`compiled from Rust does what it does under node:wasi, given ${what}`, async () => {
      const [ours, theirs] = await Promise.all([runToEnd(hello, given), inNode(hello, given)]);
      assert.equal(withoutRandom(ours.stdout), withoutRandom(theirs.stdout));
      assert.equal(ours.stderr.toString(), theirs.stderr.toString());
      assert.deepEqual(ours.ended, theirs.ended);
    });
  }

  test('gets other random numbers each time', async () => {
    const numbers = await Promise.all(
      [1, 2].map(async () => {
        const { stdout } = await runToEnd(hello, { stdin: new Uint8Array(0) });
        return /random number: ([0-9a-f]{16})/.exec(stdout.toString())?.[1];
      }),
    );
    assert.notEqual(numbers[0], undefined);
    assert.notEqual(numbers[0], numbers[1]);
  });

  test('copies 2 MiB from standard input to standard output as under node:wasi', async () => {
    const stdin = Buffer.from(
      Uint32Array.from({ length: 524_288 }, (_, index) => index * 2_654_435_761).buffer,
    );
    const [ours, theirs] = await Promise.all([
      runToEnd(programs.echo(), { stdin }),
      inNode(programs.echo(), { stdin }),
    ]);
    assert.ok(ours.stdout.equals(stdin));
    assert.ok(theirs.stdout.equals(stdin));
    assert.deepEqual(ours.ended, theirs.ended);
  });

  test('ends with its exit code verbatim', async () => {
    for (const code of [0, 1, 255, 256, 0xffff_ffff])
      assert.deepEqual((await runToEnd(programs.exit(code))).ended, { how: 'exit', code });
  });

  test('that returns from _start ends with 0', async () => {
    assert.deepEqual((await runToEnd(programs.nothing())).ended, { how: 'exit', code: 0 });
  });

  test('sees its descriptors where the list of files puts them', async () => {
    const { stdout, stderr } = await runToEnd(programs.print('moved', 4), {
      files: [{ kind: 'null' }, { kind: 'null' }, { kind: 'null' }, { kind: 'stdout' }, { kind: 'stderr' }],
    });
    assert.equal(stdout.toString(), '');
    assert.equal(stderr.toString(), 'moved');
  });

  test('that waits on the clock runs on at the time', async () => {
    const before = performance.now();
    const { ended } = await runToEnd(programs.sleep(200));
    assert.deepEqual(ended, { how: 'exit', code: 0 });
    assert.ok(performance.now() - before >= 200);
  });
});

describe('a trap', () => {
  test('is told with its message and the functions that led to it', async () => {
    const { ended } = await runToEnd(programs.trap());
    assert.ok(ended.how === 'trap');
    assert.equal(ended.trap, 'unreachable');
    assert.deepEqual(
      ended.frames.map((frame) => frame.replace(/:0x[0-9a-f]+$/, '')),
      ['deep function[2]', 'middle function[1]', '_start function[0]'],
    );
  });

  test('at the end of the stack is named as such, with no more than 64 frames', async () => {
    const { ended } = await runToEnd(programs.deepRecursion());
    assert.ok(ended.how === 'trap');
    assert.equal(ended.trap, 'stack overflow');
    assert.equal(ended.frames.length, 64);
    assert.match(ended.frames[0]!, /^recurse function\[1\]:0x[0-9a-f]+$/);
  });

  test('has no control characters of the name section in it, and no name is longer than a frame may be', async () => {
    const { ended } = await runToEnd(programs.trap(`\u001b[2J${'x'.repeat(1000)}`));
    assert.ok(ended.how === 'trap');
    assert.equal(ended.frames.length, 3);
    for (const frame of ended.frames) {
      assert.ok(frame.length <= 256);
      assert.doesNotMatch(frame, /\p{Cc}/u);
    }
    assert.match(ended.frames[0]!, /x{200} function\[2\]:0x[0-9a-f]+$/);
  });

  test('names no fewer functions and no others where a name holds ends of lines', async () => {
    const names = [
      '\u2028',
      '\u2029x\r',
      '\n',
      'first\nsecond',
      'a)\n    at b (wasm://wasm/00:wasm-function[7]:0x1',
      'a (wasm://wasm/00:wasm-function[7]:0x1',
      'a (wasm://wasm/00:wasm-function[7]:0x1)',
    ];
    for (const name of names) {
      const { ended } = await runToEnd(programs.trap(name));
      assert.ok(ended.how === 'trap');
      assert.deepEqual(
        ended.frames.map((frame) => /function\[\d\](?=:0x[0-9a-f]+$)/.exec(frame)?.[0]),
        ['function[2]', 'function[1]', 'function[0]'],
        JSON.stringify([name, ended.frames]),
      );
    }
  });

  test('comes after all that was printed before it', async () => {
    const { stdout, ended } = await runToEnd(programs.printThenTrap('last words'));
    assert.equal(stdout.toString(), 'last words');
    assert.equal(ended.how, 'trap');
  });
});
