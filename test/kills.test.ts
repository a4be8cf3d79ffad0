// SPDX-License-Identifier: Apache-2.0
//
// `kill -9` of each process at each step. Whoever waits gets a typed error, and of the Keep nothing is left: no process, and no socket or
// directory of it once the host has noticed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { connect, createIdentity, moduleFromBytes, type Keep, type Trust } from '@enarx/client';
import { EnarxError } from '@enarx/protocol';

import { enarx, start, startHost, type TestHost } from './support/enarx.ts';
import { eventually, nothingRunsIn, processesOf } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { sandbox } from './support/sandbox.ts';
import { trusting } from './support/trusting.ts';

/** A step that the flow has reached, and what comes next. */
interface Reached {
  readonly next: () => Promise<unknown>;
}

type Step = (keep: Keep, trust: Trust) => Promise<Reached>;

const identity = await createIdentity();

const created: Step = (keep) => Promise.resolve({ next: () => keep.open({ identity }) });

const opened: Step = async (keep, trust) => {
  const unattested = await keep.open({ identity });
  return { next: () => unattested.attest({ purpose: 'deliver', ...trust }) };
};

const attested: Step = async (keep, trust) => {
  const unattested = await keep.open({ identity });
  const ready = await unattested.attest({ purpose: 'deliver', ...trust });
  return {
    next: async () => {
      const module = moduleFromBytes(programs.echo());
      return (await ready.deliver({ module, args: ['echo'], stdout: 'discard', stderr: 'discard' })).ended;
    },
  };
};

const running: Step = async (keep, trust) => {
  const unattested = await keep.open({ identity });
  const ready = await unattested.attest({ purpose: 'deliver', ...trust });
  const begun = Promise.withResolvers<undefined>();
  const program = await ready.deliver({
    module: moduleFromBytes(programs.hotLoop()),
    args: ['loop'],
    stdout: () => {
      begun.resolve(undefined);
    },
    stderr: 'discard',
  });
  await begun.promise;
  return { next: () => program.ended };
};

const steps: Readonly<Record<string, Step>> = { created, opened, attested, running };

function kill(host: TestHost, victim: string): void {
  const found =
    victim === 'keepmgr' ? host.child.pid : keepProcesses(host).find(({ program }) => program === victim)?.id;
  assert.ok(found !== undefined, `there is a ${victim}`);
  process.kill(found, 'SIGKILL');
}

/** What belongs to Keeps, whose directories lie below the state of their host. */
const keepProcesses = ({ state }: TestHost): ReturnType<typeof processesOf> =>
  processesOf(join(state, 'keeps')).filter(({ program }) => program !== 'enarx');

for (const victim of ['runner', 'wasmldr', 'bwrap', 'keepldr', 'keepmgr']) {
  describe(`${victim} is killed`, { concurrency: 2 }, () => {
    for (const [name, step] of Object.entries(steps)) {
      test(`when the Keep is ${name}`, { timeout: 120_000 }, async (t) => {
        using box = await sandbox();
        await using host = await startHost(box);
        const client = connect({ url: host.url });
        try {
          const keep = await client.createKeep({ tee: 'sim' });
          await eventually('the Keep is ready', async () => (await keep.show()).state === 'ready');
          await eventually('it has its runner', () =>
            keepProcesses(host).some(({ program }) => program === 'runner'),
          );
          if (victim === 'bwrap' && !keepProcesses(host).some(({ program }) => program === 'bwrap')) {
            t.skip('needs bubblewrap');
            return;
          }
          const { next } = await step(keep, await trusting(host));
          kill(host, victim);
          await next().then(
            () => {
              // A Keep replaces a runner that has died before its workload came, and dies a moment after its sandbox.
              assert.ok(victim === 'runner' || victim === 'bwrap', victim);
              assert.notEqual(name, 'running');
            },
            (error: unknown) => {
              if (!(error instanceof EnarxError)) throw error;
              assert.ok(['unavailable', 'internal'].includes(error.kind), String(error.code));
            },
          );
          if (victim === 'runner' && name !== 'running') await keep.stop();
          await eventually('nothing of the Keep runs', () => keepProcesses(host).length === 0, 25_000);
          if (victim !== 'keepmgr') {
            const { state } = await keep.show();
            assert.ok(['failed', 'exited'].includes(state), state);
          }
        } finally {
          client.close();
        }
      });
    }
  });
}

test(
  'a keepmgr that was killed finds its running Keep again when it is started in time',
  { timeout: 90_000 },
  async () => {
    using box = await sandbox();
    const state = box.path('host');
    const first = await startHost(box, { state });
    const client = connect({ url: first.url });
    const keep = await client.createKeep({ tee: 'sim' });
    await eventually('the Keep is ready', async () => (await keep.show()).state === 'ready');
    client.close();
    await first.stop('SIGKILL');
    await using second = await startHost(box, { state });
    const { status, stdout, stderr } = await enarx(box, ['keep', 'ls', '--json', '--host', second.url]);
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      (JSON.parse(stdout) as { id: string; state: string }[]).map(({ id, state: word }) => [id, word]),
      [[keep.name, 'ready']],
    );
  },
);

test('the command itself is killed: its Keep ends, and with it everything on the host that was started for it', async () => {
  using box = await sandbox();
  await using host = await startHost(box);
  const loop = box.path('loop.wasm');
  writeFileSync(loop, programs.hotLoop());
  const command = start(box, ['run', '--host', host.url, '--anchor', host.anchor, loop]);
  await once(command.stdout, 'data');
  command.child.kill('SIGKILL');
  await eventually('nothing of the Keep runs', () => keepProcesses(host).length === 0);
  assert.equal(existsSync(join(host.state, 'keepldr.sock')), true, 'the host goes on');
});

test('the command is killed that has a keepmgr of its own: nothing is left, and the next run removes its temporary files', async () => {
  using box = await sandbox();
  const loop = box.path('loop.wasm');
  writeFileSync(loop, programs.hotLoop());
  const command = start(box, ['run', loop]);
  await once(command.stdout, 'data');
  command.child.kill('SIGKILL');
  await command.ended;
  await nothingRunsIn(box.root);
  const nothing = box.path('nothing.wasm');
  writeFileSync(nothing, programs.nothing());
  const next = await enarx(box, ['run', nothing]);
  assert.equal(next.status, 0, next.stderr);
  assert.deepEqual(readdirSync(box.path('tmp')), []);
});

test('the keepmgr that a command started is killed: the command says so, and nothing is left', async () => {
  using box = await sandbox();
  const loop = box.path('loop.wasm');
  writeFileSync(loop, programs.hotLoop());
  const command = start(box, ['run', loop]);
  await once(command.stdout, 'data');
  const keepmgr = processesOf(box.root).find(({ program }) => program === 'keepmgr');
  assert.ok(keepmgr !== undefined);
  process.kill(keepmgr.id, 'SIGKILL');
  const { status, stderr } = await command.ended;
  assert.equal(status, 243, stderr);
  await nothingRunsIn(box.root, 30_000);
});
