// SPDX-License-Identifier: Apache-2.0
//
// Keeps that were launched before anybody asked, and Keeps whose host is killed in the middle of a delivery: whoever gets a Keep is the first and the only one.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { connect, createIdentity, moduleFromBytes, type ModuleSource } from '@enarx/client';
import { EnarxError } from '@enarx/protocol';

import { enarx, startHost, type TestHost } from './support/enarx.ts';
import { eventually, nothingRunsIn, processesOf } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { sandbox, type Sandbox } from './support/sandbox.ts';
import { trusting } from './support/trusting.ts';

const hello = join(import.meta.dirname, '..', 'examples', 'hello', 'hello.wasm');

function poolOf(box: Sandbox, sim: number): string {
  const path = box.path('keepmgr.toml');
  writeFileSync(path, `[pool]\nsim = ${String(sim)}\n`);
  return path;
}

async function filled(box: Sandbox, { url }: TestHost, size: number): Promise<void> {
  const sentence = `${String(size)} of ${String(size)} Keeps are ready`;
  await eventually(
    'the pool is full',
    async () => (await enarx(box, ['platform', '--host', url])).stdout.includes(sentence),
    30_000,
  );
}

test('a Keep out of the pool is attested afresh and runs one program, as any other; each client gets another', async () => {
  using box = await sandbox();
  await using host = await startHost(box, { config: poolOf(box, 2) });
  await filled(box, host, 2);
  const run = (text: string) =>
    enarx(box, ['run', '--host', host.url, '--anchor', host.anchor, '--json', hello, text]);
  const results = await Promise.all([run('one'), run('two')]);
  for (const { status, stderr } of results) assert.equal(status, 0, stderr);

  // With the library, to look at what each shows.
  await filled(box, host, 2);
  const trust = await trusting(host);
  const client = connect({ url: host.url });
  const identity = await createIdentity();
  const reports = [];
  for (let i = 0; i < 2; i += 1) {
    const keep = await client.createKeep({ tee: 'sim' });
    assert.equal((await keep.show()).state, 'ready');
    const opened = await keep.open({ identity });
    const attested = await opened.attest({ purpose: 'deliver', ...trust });
    const module = moduleFromBytes(readFileSync(hello));
    const output: Uint8Array[] = [];
    const program = await attested.deliver({
      module,
      args: ['hello'],
      stdout: (chunk) => {
        output.push(chunk);
      },
      stderr: 'discard',
    });
    assert.equal((await program.ended).how, 'exit');
    assert.ok(output.length > 0);
    reports.push(keep.name);
    // Its one workload is over: nobody can deliver another.
    await assert.rejects(async () => {
      const again = await (await keep.open({ identity })).attest({ purpose: 'deliver', ...trust });
      await again.deliver({ module, args: ['hello'], stdout: 'discard', stderr: 'discard' });
    }, EnarxError);
  }
  assert.equal(new Set(reports).size, 2);
  client.close();
});

/** A module of which the second half never comes. */
function halfOf(bytes: Uint8Array, sent: () => void): ModuleSource {
  return {
    ...moduleFromBytes(bytes),
    open: async function* () {
      yield bytes.subarray(0, bytes.length / 2);
      sent();
      await new Promise(() => undefined);
    },
  };
}

for (const victim of ['keepmgr', 'keepldr'] as const) {
  test(
    `a Keep whose ${victim} is killed in the middle of a delivery takes no other`,
    { timeout: 90_000 },
    async () => {
      using box = await sandbox();
      const state = box.path('host');
      const first = await startHost(box, { state, config: poolOf(box, 1) });
      await filled(box, first, 1);
      const trust = await trusting(first);
      const client = connect({ url: first.url });
      const keep = await client.createKeep({ tee: 'sim' });
      const attested = await (
        await keep.open({ identity: await createIdentity() })
      ).attest({ purpose: 'deliver', ...trust });
      const half = Promise.withResolvers<undefined>();
      const output: Uint8Array[] = [];
      const delivery = attested.deliver({
        module: halfOf(programs.echo(), () => {
          half.resolve(undefined);
        }),
        args: ['echo'],
        stdout: (chunk) => {
          output.push(chunk);
        },
        stderr: 'discard',
      });
      delivery.catch(() => undefined);
      await half.promise;
      await eventually('it is claimed', async () => (await keep.show()).state === 'claimed');
      const pid =
        victim === 'keepmgr'
          ? first.child.pid
          : processesOf(join(state, 'keeps', keep.name)).find(({ program }) => program === 'keepldr')?.id;
      process.kill(pid as number, 'SIGKILL');
      await assert.rejects(delivery, { kind: 'unavailable' });
      client.close();
      if (victim === 'keepmgr') await first.stop('SIGKILL');
      const second = victim === 'keepmgr' ? await startHost(box, { state, config: poolOf(box, 1) }) : first;
      const other = connect({ url: second.url });
      try {
        // Anybody else comes too late, also who comes at once.
        await assert.rejects(async () => {
          const ready = await (
            await other.keep(keep.name).open({ identity: await createIdentity() })
          ).attest({ purpose: 'deliver', ...trust });
          const module = moduleFromBytes(programs.echo());
          await ready.deliver({ module, args: ['echo'], stdout: 'discard', stderr: 'discard' });
        }, EnarxError);
        await eventually(
          'it has failed',
          async () => (await other.keep(keep.name).show()).state === 'failed',
          30_000,
        );
        // And nobody is given it who asks for one.
        const fresh = await other.createKeep({ tee: 'sim' });
        assert.notEqual(fresh.name, keep.name);
        assert.deepEqual(output, []);
      } finally {
        other.close();
        await second.stop();
      }
      await nothingRunsIn(box.root);
    },
  );
}

test('the bundle of a host holds nothing of the programs that ran on it', async () => {
  using box = await sandbox();
  await using host = await startHost(box);
  const echo = box.path('planted-file.wasm');
  writeFileSync(echo, programs.echo());
  const ran = await enarx(
    box,
    [
      'run',
      '--host',
      host.url,
      '--anchor',
      host.anchor,
      '--env',
      'SECRET=planted-variable',
      echo,
      'planted-argument',
    ],
    { input: 'planted-input\n', env: { PLANTED: 'planted-environment' } },
  );
  assert.equal(ran.status, 0, ran.stderr);
  assert.match(ran.stdout, /planted-input/);
  const out = box.path('bundle.json');
  const saved = await enarx(box, ['host', 'support-bundle', '--host', host.url, '--out', out, '--json']);
  assert.deepEqual([saved.status, JSON.parse(saved.stdout)], [0, { out, complete: true }]);
  assert.equal(statSync(out).mode & 0o777, 0o600);
  const bundle = readFileSync(out, 'utf8');
  assert.match(bundle, /"word": "evidence-given"/);
  for (const text of [bundle, host.log()]) assert.ok(!text.includes('planted'));
  const again = await enarx(box, ['host', 'support-bundle', '--host', host.url, '--out', out, '--json']);
  assert.match(again.stderr, /cli\/file-unwritable/, 'what is there is not written over');
});

test('a bundle of a host that does not answer tells of the machine', async () => {
  using box = await sandbox();
  const out = box.path('bundle.json');
  const saved = await enarx(box, [
    'host',
    'support-bundle',
    '--host',
    `unix:${box.path('nobody')}`,
    '--out',
    out,
    '--json',
  ]);
  assert.deepEqual([saved.status, JSON.parse(saved.stdout)], [0, { out, complete: false }], saved.stderr);
  const bundle = JSON.parse(readFileSync(out, 'utf8')) as { host: string; platform: { tee: string }[] };
  assert.match(bundle.host, /^client\//);
  assert.ok(bundle.platform.some(({ tee }) => tee === 'sim'));
});
