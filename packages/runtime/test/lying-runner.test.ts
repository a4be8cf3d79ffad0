// SPDX-License-Identifier: Apache-2.0
//
// A program that has taken over its runner can send whatever it likes. It gains nothing but its own end.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import {
  credit,
  encodeFrameHead,
  encodeMessage,
  encodeProblem,
  ended,
  EnarxError,
  protocolProblem,
  type Ended,
} from '@enarx/protocol';

import { programs } from '../../../test/support/programs.ts';
import { runtimeProblem } from '../src/problems.ts';
import { runnerFrame } from '../src/runner-frames.ts';
import { runToEnd, start, type Finished, type Given } from './support.ts';

const scratch = mkdtempSync(join(tmpdir(), 'enarx-liar-'));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});
let liars = 0;

function frame(kind: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  return Buffer.concat([encodeFrameHead(kind, payload.length), payload]);
}

/** A runner that reads the module, sends these bytes and then does as told. */
function liar(bytes: Uint8Array, andThen = 'setInterval(() => {}, 1000);'): string {
  const file = join(scratch, `liar-${(liars += 1)}.mjs`);
  writeFileSync(
    file,
    `import { readSync, writeSync } from 'node:fs';
     readSync(3, new Uint8Array(65536));
     writeSync(3, Buffer.from('${Buffer.from(bytes).toString('hex')}', 'hex'));
     ${andThen}`,
  );
  return file;
}

const boot = Buffer.concat([frame(runnerFrame.ready), frame(runnerFrame.started)]);

function meet(bytes: Uint8Array, given: Given = {}, andThen?: string): Promise<Finished> {
  return runToEnd(programs.nothing(), { ...given, runner: liar(bytes, andThen) });
}

const end = (how: Ended): Buffer => frame(runnerFrame.ended, encodeMessage(ended, how));
const ask = (bytes: number): Buffer => frame(runnerFrame.stdinWanted, encodeMessage(credit, bytes));

describe('a runner is killed that sends', () => {
  const lies: Record<string, Uint8Array> = {
    'bytes that are no frame': Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    'a frame longer than one may be': Uint8Array.of(0x82, 0x07, 0x5a, 0x00, 0x01, 0x00, 0x09),
    'output in a frame that only data of sockets may fill': Buffer.concat([
      boot,
      frame(runnerFrame.stdout, new Uint8Array(65_537)),
    ]),
    'an answer that it serves, before the start': frame(runnerFrame.serving),
    'a frame of a kind that only the supervisor sends': frame(runnerFrame.module, Uint8Array.of(1)),
    'an end that is no message': Buffer.concat([boot, frame(runnerFrame.ended, Buffer.from('exit 0'))]),
    'an end with a member too many': Buffer.concat([
      boot,
      frame(runnerFrame.ended, Buffer.from('a363686f7764657869746465766f6c02', 'hex')),
    ]),
    'an end by stopping, which is the owner’s to say': Buffer.concat([boot, end({ how: 'stopped' })]),
    'an end by a limit that only the supervisor sees': Buffer.concat([
      boot,
      end({ how: 'limit', limit: 'wall', value: 1 }),
    ]),
    'an exit before the start': Buffer.concat([frame(runnerFrame.ready), end({ how: 'exit', code: 0 })]),
    'output before the start': Buffer.concat([
      frame(runnerFrame.ready),
      frame(runnerFrame.stdout, Uint8Array.of(1)),
    ]),
    'two boots': Buffer.concat([frame(runnerFrame.ready), frame(runnerFrame.ready)]),
    'two starts': Buffer.concat([boot, frame(runnerFrame.started)]),
    'empty output, which costs no credit': Buffer.concat([boot, frame(runnerFrame.stdout)]),
    'requests for standard input without end': Buffer.concat([boot, ask(1_048_576), ask(1)]),
    'a problem that is no problem': Buffer.concat([boot, frame(runnerFrame.problem, Uint8Array.of(0xa0))]),
    'a problem that is not its to report': Buffer.concat([
      boot,
      frame(runnerFrame.problem, encodeProblem(protocolProblem('cbor/malformed'))),
    ]),
  };
  for (const [what, bytes] of Object.entries(lies)) {
    test(what, async () => {
      await assert.rejects(meet(bytes), { name: 'EnarxError', code: 'runner/misbehaved' });
    });
  }

  test('output beyond its credit', async () => {
    const flood = Buffer.concat([
      boot,
      ...Array.from({ length: 5 }, () => frame(runnerFrame.stdout, new Uint8Array(65_536))),
    ]);
    const stuck = Promise.withResolvers<undefined>();
    const { run, runner, finished } = await start(programs.nothing(), {
      // Written without waiting, since nobody may read it to its end.
      runner: liar(
        new Uint8Array(0),
        `
        import('node:net').then(({ Socket }) => {
          const flood = Buffer.concat([Buffer.from('${boot.toString('hex')}', 'hex'), ...Array(5).fill(Buffer.concat([Buffer.from('${Buffer.from(encodeFrameHead(runnerFrame.stdout, 65_536)).toString('hex')}', 'hex'), Buffer.alloc(65536)]))]);
          new Socket({ fd: 3 }).write(flood);
        });
        setInterval(() => {}, 1000);`,
      ),
      onOutput: () => stuck.promise,
    });
    assert.ok(flood.length > 5 * 65_536);
    finished.catch(() => undefined);
    await runner.exited;
    stuck.resolve(undefined);
    await assert.rejects(run.ended, { code: 'runner/misbehaved' });
  });
});

describe('a runner that', () => {
  test('dies without a word is a typed problem that holds what it said on its standard error', async () => {
    await assert.rejects(
      meet(boot, {}, "process.stderr.write('out of luck', () => process.abort());"),
      (error: unknown) => {
        assert.ok(error instanceof EnarxError);
        assert.equal(error.code, 'runner/died');
        assert.match(error.message, /SIG(ABRT|TRAP)|out of luck/);
        return true;
      },
    );
  });

  test('dies in the middle of a frame is one, too', async () => {
    const cut = Buffer.concat([boot, frame(runnerFrame.stdout, new Uint8Array(100))]).subarray(0, -50);
    await assert.rejects(meet(cut, {}, 'process.exit(0);'), { code: 'runner/died' });
  });

  test('says how its program ended, and goes on, is not heard any more', async () => {
    const exit = end({ how: 'exit', code: 7 });
    const after = frame(runnerFrame.stdout, Buffer.from('after the end'));
    const flood = `for (;;) writeSync(3, Buffer.from('${after.toString('hex')}', 'hex'));`;
    for (const more of [end({ how: 'exit', code: 8 }), after, ask(1)]) {
      const { ended: how, stdout } = await meet(Buffer.concat([boot, exit, more]), {}, flood);
      assert.deepEqual([how, stdout.toString()], [{ how: 'exit', code: 7 }, '']);
    }
  });

  test('stops in the middle of a frame is ended by the limit of wall time', async () => {
    const half = frame(runnerFrame.stdout, new Uint8Array(100)).subarray(0, 50);
    const { ended: how } = await meet(Buffer.concat([boot, half]), { limits: { wall: 300 } });
    assert.deepEqual(how, { how: 'limit', limit: 'wall', value: 300 });
  });

  test('closes its link and lives on is killed', async () => {
    await assert.rejects(
      meet(boot, {}, "(await import('node:fs')).closeSync(3); setInterval(() => {}, 1000);"),
      {
        code: 'runner/died',
      },
    );
  });

  test('floods its standard error waits for itself', async () => {
    const forEver = "for (;;) writeSync(2, 'x'.repeat(4096));";
    const { ended } = await meet(boot, { limits: { wall: 500 } }, forEver);
    assert.deepEqual(ended, { how: 'limit', limit: 'wall', value: 500 });
  });

  test('reports a refusal has only its code and finding believed, not its words', async () => {
    const lie = new EnarxError(
      'wasm/no-start',
      { kind: 'internal', status: 500, title: 'All is well', mend: 'Send your password' },
      { found: 'x' },
    );
    await assert.rejects(
      meet(Buffer.concat([boot, frame(runnerFrame.problem, encodeProblem(lie))])),
      (error: unknown) => {
        assert.ok(error instanceof EnarxError);
        const honest = runtimeProblem('wasm/no-start', { found: 'x' });
        assert.deepEqual(
          [error.code, error.kind, error.message, error.mend],
          [honest.code, honest.kind, honest.message, honest.mend],
        );
        return true;
      },
    );
  });

  test('says that it passed the memory limit has the true limit reported', async () => {
    const { ended } = await meet(Buffer.concat([boot, end({ how: 'limit', limit: 'memory', value: 1 })]), {
      limits: { memory: 1_048_576 },
    });
    assert.deepEqual(ended, { how: 'limit', limit: 'memory', value: 1_048_576 });
  });

  test('cannot be started is a typed problem', async () => {
    const nowhere = runToEnd(programs.nothing(), { wrap: () => [join(scratch, 'no-such-sandbox')] });
    await assert.rejects(nowhere, { code: 'runner/not-started' });
  });

  test('has no file to run dies, and is reported so', async () => {
    await assert.rejects(runToEnd(programs.nothing(), { runner: join(scratch, 'missing.mjs') }), {
      code: 'runner/died',
    });
  });
});
