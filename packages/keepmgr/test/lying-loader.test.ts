// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { referenceTo, isAlive } from '@enarx/keepldr/processes';
import { build } from 'esbuild';

import { releaseWithStandIn } from '../../keepldr/test/support/release.ts';
import type { Limits } from '../src/index.ts';
import { path } from './support/client.ts';
import { eventually, processesOf, startHost, type Host } from './support/host.ts';

const root = mkdtempSync(join(tmpdir(), 'enarx-liars-'));
process.once('exit', () => {
  rmSync(root, { recursive: true, force: true });
});
const liar = join(root, 'keepldr.js');
await build({
  entryPoints: [join(import.meta.dirname, 'support', 'lying-loader.ts')],
  outfile: liar,
  bundle: true,
  conditions: ['source'],
  format: 'esm',
  platform: 'node',
  target: 'node26',
  logLevel: 'warning',
});

/**
 * A daemon whose loaders behave so.
 * @param limits - a launch has its full time where its end is not what is looked at: a busy machine may take seconds to boot a loader
 */
async function hostOfLiars(behaviour: string, limits: Partial<Limits> = {}): Promise<Host> {
  const release = mkdtempSync(join(root, 'release-'));
  cpSync(await releaseWithStandIn(), release, { recursive: true });
  cpSync(liar, join(release, 'keepldr.js'));
  writeFileSync(join(release, 'behaviour'), behaviour);
  return startHost({
    release,
    limits: { stopTime: 400, openWait: 300, absence: 500, helloTime: 300, ...limits },
  });
}

describe('a loader', { concurrency: 4 }, () => {
  for (const [behaviour, reason] of [
    ['silent', 'keepmgr/launch-timeout'],
    ['wrong-token', 'keepmgr/launch-timeout'],
    ['wrong-id', 'keepmgr/launch-timeout'],
    ['endless-hello', 'keepmgr/launch-timeout'],
    ['dies', 'keepmgr/loader-died'],
    ['garbage', 'keepmgr/loader-misbehaved'],
    ['unknown-kind', 'keepmgr/loader-misbehaved'],
    ['flood-states', 'keepmgr/loader-misbehaved'],
    ['flood-logs', 'keepmgr/loader-misbehaved'],
    ['backwards', 'keepmgr/loader-misbehaved'],
    ['bad-reason', 'keepldr/unintelligible'],
  ] as const) {
    test(`that is of the sort "${behaviour}" fails its own Keep with ${reason}, and nothing else`, async () => {
      const late = reason === 'keepmgr/launch-timeout';
      await using host = await hostOfLiars(behaviour, late ? { launchTime: 4000 } : {});
      const { id } = await host.client.create();
      const ended = await host.client.reaches(id, 'failed', 'exited');
      const log = (await host.client.log(id)).join(' | ');
      assert.deepEqual([ended.state, ended.reason], ['failed', reason], log);
      await eventually('no process is left', () => processesOf(host.state).length === 0);
      assert.equal((await host.client.ask('GET', '/v1/')).status, 200);
      await assert.rejects(host.client.channel(id), { code: 'keep/ended' });
      for (const line of host.events) {
        assert.equal(line.indexOf('\n'), line.length - 1, 'one line each');
        assert.notEqual((JSON.parse(line) as { event: string }).event, 'forged');
      }
      for (const line of await host.client.log(id)) assert.doesNotMatch(line, /\p{Cc}|\u202e/u);
    });
  }

  test('that names processes of others as its guest’s turns the daemon on nobody', async () => {
    const victim = spawn(process.execPath, ['--eval', 'setInterval(() => undefined, 1000)'], {
      detached: true,
      stdio: 'ignore',
    });
    const reference = referenceTo(victim.pid ?? 0);
    assert.ok(reference !== undefined);
    await using host = await hostOfLiars(`strangers ${reference.join()}`);
    const { id } = await host.client.create();
    await host.client.reaches(id, 'ready');
    assert.equal((await host.client.stop(id)).state, 'exited');
    assert.ok(isAlive(reference));
    victim.kill('SIGKILL');
  });

  test('that neither opens a channel nor stops is killed when its time is up', async () => {
    await using host = await hostOfLiars('deaf');
    const { id } = await host.client.create();
    await host.client.reaches(id, 'ready');
    await assert.rejects(host.client.channel(id), { code: 'keep/channel-failed' });
    const began = performance.now();
    assert.equal((await host.client.stop(id)).state, 'exited');
    const waited = performance.now() - began;
    assert.ok(waited > 300 && waited < 3000, `${waited.toFixed(0)} ms`);
    assert.deepEqual(processesOf(host.state), []);
  });

  test('that is not yet ready is not asked to stop, since it may not hear: its Keep ends at once', async () => {
    await using host = await hostOfLiars('silent', { stopTime: 20_000 });
    const { id } = await host.client.create();
    const began = performance.now();
    assert.deepEqual(await host.client.stop(id).then(({ state, reason }) => [state, reason]), [
      'exited',
      undefined,
    ]);
    assert.ok(performance.now() - began < 5000);
    assert.deepEqual(processesOf(host.state), []);
  });

  test('that takes longer than a client waits has its Keep removed when the client has left, and only then', async () => {
    await using host = await hostOfLiars('silent', { readyWait: 1000 });
    const { client } = host;
    const [left, stayed] = [await client.create(), await client.create()];
    const leaver = connect(client.port, '127.0.0.1');
    leaver.end(
      `GET ${path(left.id, '/channel?then=remove')} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: enarx-channel/1\r\n\r\nhello`,
    );
    leaver.destroySoon();
    await assert.rejects(client.channel(stayed.id, '?then=remove'), { code: 'keep/not-ready' });
    await eventually('the other is gone', async () => (await client.list()).length === 1);
    assert.deepEqual((await client.show(stayed.id)).state, 'launching');
  });

  test('that opens connections nobody asked for has them cut', async () => {
    await using host = await hostOfLiars('unasked');
    const { id } = await host.client.create();
    await host.client.reaches(id, 'ready');
    await eventually(
      'they are refused',
      () => host.events.filter((line) => line.includes('loader-refused')).length >= 20,
    );
    assert.equal((await host.client.show(id)).state, 'ready');
  });

  test('that comes and goes keeps its Keep and costs nothing that grows', async () => {
    await using host = await hostOfLiars('comes-and-goes');
    const { id } = await host.client.create();
    await host.client.reaches(id, 'ready');
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.ok(descriptors() <= before + 10, `${String(before)} became ${String(descriptors())}`);
    assert.equal((await host.client.show(id)).state, 'ready');
    const log = await host.client.log(id);
    assert.ok(log.length <= 256, `${String(log.length)} entries`);
  });
});
