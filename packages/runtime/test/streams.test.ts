// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, test } from 'node:test';

import { startRunner, type Run } from '@enarx/runtime';

import { programs } from '../../../test/support/programs.ts';
import { bundledRunner } from '../../../test/support/runner-bundle.ts';
import { runToEnd, start } from './support.ts';

const window = 262_144;

for (const blocking of [false, true]) {
  describe(`with a program that ${blocking ? 'blocks its process' : 'is suspended'},`, () => {
    describe('output', () => {
      test('that nobody takes holds the program up, within the window', async () => {
        let received = 0;
        let release = Promise.withResolvers<undefined>();
        const first = Promise.withResolvers<undefined>();
        const { run, finished } = await start(programs.flood(), {
          blocking,
          onOutput: (_, chunk) => {
            received += chunk.length;
            first.resolve(undefined);
            return release.promise;
          },
        });
        await first.promise;
        await delay(200);
        assert.ok(received <= 65_536, 'a second piece came before the first was taken');
        release.resolve(undefined);
        release = Promise.withResolvers();
        await delay(200);
        run.kill();
        release.resolve(undefined);
        await finished;
        assert.ok(received <= 2 * window);
      });

      test('whose reader has gone ends the program', async () => {
        const { ended } = await runToEnd(programs.flood(), {
          blocking,
          onOutput: () => Promise.reject(new Error('gone')),
        });
        assert.deepEqual(ended, { how: 'stopped' });
      });

      test('of 2 MB in one write arrives whole', async () => {
        const { ended, stdout } = await runToEnd(programs.print('0123456789'.repeat(200_000)), { blocking });
        assert.deepEqual(ended, { how: 'exit', code: 0 });
        assert.equal(stdout.length, 2_000_000);
        assert.equal(stdout.subarray(-10).toString(), '0123456789');
      });
    });

    describe('standard input', () => {
      test('is not asked for by a program that does not read', async () => {
        const runner = startRunner({ runner: await bundledRunner(), blocking });
        const module = programs.print('no thanks');
        let wanted = 0;
        const run = runner.run({
          size: module.length,
          limits: {},
          args: [],
          env: [],
          onStdinWanted: (bytes) => (wanted += bytes),
          onOutput: () => Promise.resolve(),
        });
        await run.writeModule(module);
        assert.deepEqual(await run.ended, { how: 'exit', code: 0 });
        assert.equal(wanted, 0);
        await runner.exited;
      });

      test('beyond what was asked for is refused', async () => {
        const { run, finished } = await start(programs.waitForInput(), { blocking });
        await assert.rejects(run.writeStdin(Uint8Array.of(1)), { code: 'runner/stdin-beyond-credit' });
        run.kill();
        await finished;
      });

      test('that ends before the program reads is at its end then', async () => {
        const { run, finished } = await start(programs.waitForInput(), { blocking });
        run.endStdin();
        run.endStdin();
        assert.deepEqual((await finished).ended, { how: 'exit', code: 0 });
      });

      test('wakes a poll that also waits on the clock', async () => {
        const runner = startRunner({ runner: await bundledRunner(), blocking });
        const module = programs.pollInputOrClock(60_000);
        const run: Run = runner.run({
          size: module.length,
          limits: { wall: 30_000 },
          args: [],
          env: [],
          onStdinWanted: () => void run.writeStdin(Buffer.from('abc')),
          onOutput: () => Promise.resolve(),
        });
        await run.writeModule(module);
        // The program ends with the number of bytes that its poll says it can read.
        assert.deepEqual(await run.ended, { how: 'exit', code: 3 });
        await runner.exited;
      });

      test('reaches a program that polls it in a loop without ever waiting', async () => {
        const { ended } = await runToEnd(programs.pollInputOrClock(0), {
          blocking,
          stdin: Buffer.from('abcd'),
          limits: { wall: 30_000 },
        });
        assert.deepEqual(ended, { how: 'exit', code: 4 });
      });
    });

    test('the next module chunk may be written without waiting for the one before', async () => {
      const module = programs.print('x'.repeat(300_000));
      const runner = startRunner({ runner: await bundledRunner(), blocking });
      let printed = 0;
      const run = runner.run({
        size: module.length,
        limits: {},
        args: [],
        env: [],
        onStdinWanted: () => undefined,
        onOutput: (_, chunk) => {
          printed += chunk.length;
          return Promise.resolve();
        },
      });
      for (let at = 0; at < module.length; at += 100_000)
        void run.writeModule(module.subarray(at, at + 100_000));
      assert.deepEqual(await run.ended, { how: 'exit', code: 0 });
      assert.equal(printed, 300_000);
      await runner.exited;
    });
  });
}
