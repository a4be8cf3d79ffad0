// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { formatKeepId, type Keep, type KeepState } from '@enarx/protocol';

import type { Client } from './support/client.ts';
import { eventually, processesOf, startDaemon, stateDirectory } from './support/host.ts';

/** What brings a Keep into a state, and the state. */
const ways: readonly (readonly [command: string | undefined, state: KeepState])[] = [
  [undefined, 'ready'],
  ['claim', 'claimed'],
  ['run', 'running'],
];

async function keepIn(client: Client, command: string | undefined, state: KeepState): Promise<Keep> {
  const { id } = await client.create();
  await client.reaches(id, 'ready', 'failed');
  if (command !== undefined) await client.tell(id, command);
  return client.reaches(id, state);
}

function clean(state: string): Promise<void> {
  return eventually('no process is left', () => processesOf(state).length === 0);
}

function loaderOf(state: string): number {
  const found = processesOf(state).find((id) => {
    const line = readFileSync(`/proc/${String(id)}/cmdline`, 'utf8');
    return line.includes('keepldr.js');
  });
  assert.ok(found !== undefined);
  return found;
}

describe('kill -9', { concurrency: 3 }, () => {
  for (const [command, word] of ways) {
    test(`of the daemon while a Keep is ${word}: the next daemon has it again, in the same state and usable`, async () => {
      const state = await stateDirectory();
      const first = await startDaemon(state.path);
      const { id, created } = await keepIn(first.client, command, word);
      const loader = loaderOf(state.path);
      await first.kill();
      const second = await startDaemon(state.path);
      const found = await second.client.show(id);
      assert.deepEqual([found.state, found.created], [word, created]);
      await eventually('the loader is back', async () =>
        (await second.client.log(id)).includes('keepmgr loader-connected'),
      );
      assert.match(await second.client.tell(id, 'pid'), /^[0-9]+$/);
      assert.equal(loaderOf(state.path), loader, 'the same loader');
      await second.client.remove(id);
      await second.kill();
      await clean(state.path);
      state.remove();
    });

    test(`of the loader while a Keep is ${word}: it is recorded as failed, and nothing of it is left`, async () => {
      const state = await stateDirectory();
      const daemon = await startDaemon(state.path);
      const { id } = await keepIn(daemon.client, command, word);
      process.kill(loaderOf(state.path), 'SIGKILL');
      const ended = await daemon.client.reaches(id, 'failed', 'exited');
      assert.equal(ended.reason, 'keepmgr/loader-died');
      await eventually('only the daemon is left', () => processesOf(state.path).length <= 1);
      await daemon.kill();
      await clean(state.path);
      state.remove();
    });

    test(`of the guest while a Keep is ${word}: it is recorded as failed, and nothing of it is left`, async () => {
      const state = await stateDirectory();
      const daemon = await startDaemon(state.path);
      const { id } = await keepIn(daemon.client, command, word);
      const [daemonPid, loader] = [daemon.process.pid, loaderOf(state.path)];
      const guest = processesOf(state.path).find((pid) => pid !== daemonPid && pid !== loader);
      process.kill(guest as number, 'SIGKILL');
      const ended = await daemon.client.reaches(id, 'failed', 'exited');
      assert.equal(ended.state, 'failed');
      assert.equal(ended.reason, 'keepldr/guest-died');
      await eventually('only the daemon is left', () => processesOf(state.path).length <= 1);
      await daemon.kill();
      state.remove();
    });
  }

  test('of the daemon and the loader at once: the next daemon records the Keep as lost and clears it away', async () => {
    const state = await stateDirectory();
    const first = await startDaemon(state.path);
    const { id } = await keepIn(first.client, 'run', 'running');
    await first.client.tell(id, 'spin');
    const loader = loaderOf(state.path);
    await first.kill();
    process.kill(loader, 'SIGKILL');
    const second = await startDaemon(state.path);
    const lost = await second.client.show(id);
    assert.deepEqual([lost.state, lost.reason], ['failed', 'keepmgr/lost-keep']);
    await eventually('only the daemon is left', () => processesOf(state.path).length <= 1);
    assert.deepEqual(readdirSync(join(state.path, 'keeps')), []);
    await second.kill();
    state.remove();
  });

  test('of the daemon while Keeps are being created: each acknowledged one is known, and none is an orphan', async () => {
    const state = await stateDirectory();
    const first = await startDaemon(state.path);
    const acknowledged: string[] = [];
    const creations = Array.from({ length: 12 }, (_, index) =>
      new Promise((resolve) => setTimeout(resolve, index * 15))
        .then(() => first.client.create())
        .then(
          ({ id }) => acknowledged.push(formatKeepId(id)),
          () => undefined,
        ),
    );
    await eventually('some are acknowledged', () => acknowledged.length >= 4);
    await first.kill();
    await Promise.all(creations);
    const second = await startDaemon(state.path);
    const known = new Map((await second.client.list()).map((keep) => [formatKeepId(keep.id), keep]));
    for (const id of acknowledged) assert.ok(known.has(id), `${id} was acknowledged`);
    for (const { id } of known.values()) await second.client.remove(id);
    await eventually('only the daemon is left', () => processesOf(state.path).length <= 1, 20_000);
    assert.deepEqual(await second.client.list(), []);
    await second.kill();
    await clean(state.path);
    state.remove();
  });

  test('of the daemon alone: a Keep whose daemon does not come back is gone after ten seconds', async () => {
    const state = await stateDirectory();
    const daemon = await startDaemon(state.path);
    await keepIn(daemon.client, 'run', 'running');
    await daemon.kill();
    await eventually('no process is left', () => processesOf(state.path).length === 0, 16_000);
    const next = await startDaemon(state.path);
    const [lost] = await next.client.list();
    assert.deepEqual([lost?.state, lost?.reason], ['failed', 'keepmgr/lost-keep']);
    await next.kill();
    state.remove();
  });
});

test('a daemon whose starter goes away without a word takes its Keeps with it', async () => {
  const state = await stateDirectory();
  const daemon = await startDaemon(state.path, '--until-stdin-ends');
  await keepIn(daemon.client, 'run', 'running');
  daemon.process.stdin?.end();
  await once(daemon.process, 'exit');
  assert.deepEqual(processesOf(state.path), []);
  state.remove();
});

test('a daemon that is told to end takes its Keeps with it', async () => {
  const state = await stateDirectory();
  const daemon = await startDaemon(state.path);
  const { id } = await keepIn(daemon.client, 'run', 'running');
  await daemon.client.tell(id, 'spin');
  daemon.process.kill('SIGTERM');
  await once(daemon.process, 'exit');
  assert.deepEqual(processesOf(state.path), []);
  state.remove();
});
