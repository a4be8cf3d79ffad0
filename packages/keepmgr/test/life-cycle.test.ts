// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatKeepId } from '@enarx/protocol';

import { eventually, processesOf, startHost } from './support/host.ts';

test('a Keep is created at once, becomes ready, is listed, shown, stopped and forgotten', async () => {
  await using host = await startHost();
  const { client } = host;
  const created = await client.create();
  assert.equal(created.state, 'launching');
  assert.equal(created.tee, 'sim');
  assert.equal(created.id.length, 16);
  const ready = await client.reaches(created.id, 'ready', 'failed');
  assert.equal(ready.state, 'ready', (await client.log(created.id)).join('\n'));
  assert.deepEqual(
    (await client.list()).map(({ id }) => formatKeepId(id)),
    [formatKeepId(created.id)],
  );
  const log = await client.log(created.id);
  assert.ok(log.includes('keepmgr state-ready'), log.join('\n'));

  const stopped = await client.stop(created.id);
  assert.equal(stopped.state, 'exited');
  assert.ok((stopped.ended ?? 0) >= stopped.created);
  assert.deepEqual(processesOf(host.state), []);
  assert.equal((await client.stop(created.id)).state, 'exited', 'stopping again changes nothing');

  await client.remove(created.id);
  assert.deepEqual(await client.list(), []);
  await assert.rejects(client.show(created.id), { code: 'keep/unknown' });
});

test('sixteen Keeps created at once all become ready, with sixteen ids, and leave no process', async () => {
  await using host = await startHost();
  const { client } = host;
  const keeps = await Promise.all(Array.from({ length: 16 }, () => client.create()));
  assert.equal(new Set(keeps.map(({ id }) => formatKeepId(id))).size, 16);
  for (const { id } of keeps) assert.equal((await client.reaches(id, 'ready', 'failed')).state, 'ready');
  const pids = await Promise.all(keeps.map(({ id }) => client.tell(id, 'pid')));
  for (const pid of pids) assert.match(pid, /^[0-9]+$/);
  await Promise.all(keeps.map(({ id }) => client.remove(id)));
  assert.deepEqual(processesOf(host.state), []);
});

test('a Keep goes through its states as its guest reports them, and ends with its guest', async () => {
  await using host = await startHost();
  const { client } = host;
  const { id } = await client.create();
  assert.equal(await client.tell(id, 'finish'), 'last words');
  const ended = await client.reaches(id, 'exited', 'failed');
  assert.equal(ended.state, 'exited');
  assert.equal(ended.reason, undefined);
  const states = (await client.log(id)).filter((line) => line.startsWith('keepmgr state-'));
  assert.deepEqual(states, [
    'keepmgr state-ready',
    'keepmgr state-claimed',
    'keepmgr state-running',
    'keepmgr state-exited',
  ]);
  await eventually('no process is left', () => processesOf(host.state).length === 0);
  await assert.rejects(client.channel(id), { code: 'keep/ended' });
});

test('a DELETE of a running Keep stops it first', async () => {
  await using host = await startHost();
  const { client } = host;
  const { id } = await client.create();
  assert.equal(await client.tell(id, 'run'), 'running');
  await client.remove(id);
  assert.deepEqual(processesOf(host.state), []);
  assert.deepEqual(await client.list(), []);
});

test('a Keep that is stopped while it launches leaves nothing behind', async () => {
  await using host = await startHost();
  const { client } = host;
  const { id } = await client.create();
  assert.equal((await client.stop(id)).state, 'exited');
  assert.deepEqual(processesOf(host.state), []);
});

test('the guest is given an empty environment', async () => {
  await using host = await startHost();
  const { client } = host;
  const { id } = await client.create();
  const environment = JSON.parse(await client.tell(id, 'environment')) as Record<string, string>;
  assert.deepEqual(
    Object.keys(environment).filter((name) => name !== 'PWD'),
    [],
  );
});

test('a kind of Keep that the host cannot make is refused with what is missing', async () => {
  await using host = await startHost();
  await assert.rejects(host.client.create('sgx'), { code: 'tee/unsupported', kind: 'unsupported' });
  assert.deepEqual(await host.client.list(), []);
});
