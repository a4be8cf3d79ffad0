// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';

import { decodeMessage, formatKeepId, platform } from '@enarx/protocol';

import type { Limits } from '../src/index.ts';
import type { Client } from './support/client.ts';
import {
  eventually,
  processesOf,
  startDaemon,
  startHost,
  stateDirectory,
  type Host,
} from './support/host.ts';

async function metric(client: Client, line: string): Promise<number> {
  const text = Buffer.from((await client.ask('GET', '/metrics')).body).toString();
  const found = text.split('\n').find((each) => each.startsWith(`${line} `));
  return found === undefined ? 0 : Number(found.slice(line.length + 1));
}

const ready = (client: Client): Promise<number> =>
  metric(client, 'enarx_pool_keeps{tee="sim",state="ready"}');

const full = (client: Client, size: number): Promise<void> =>
  eventually(`${String(size)} are ready`, async () => (await ready(client)) === size, 30_000);

const withPool = (sim: number, limits: Partial<Limits> = {}): Promise<Host> =>
  startHost({ config: { pool: { sim } }, limits });

/** A configuration file for a daemon of its own. */
function poolFile(sim: number): Disposable & { readonly path: string } {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-pool-'));
  const path = join(directory, 'keepmgr.toml');
  writeFileSync(path, `[pool]\nsim = ${String(sim)}\n`);
  return {
    path,
    [Symbol.dispose]: () => {
      rmSync(directory, { recursive: true });
    },
  };
}

test('a creation is answered with a Keep that is ready, and another takes its place', async () => {
  await using host = await withPool(2);
  const { client } = host;
  await full(client, 2);
  assert.deepEqual(await client.list(), [], 'it is nobody’s, so nobody sees it');
  assert.deepEqual((await client.changes()).keeps, []);
  assert.equal(await metric(client, 'enarx_keeps{state="ready"}'), 0, 'and it counts as nobody’s');
  assert.equal(await metric(client, 'enarx_keeps_created_total{tee="sim"}'), 0);
  const before = Date.now();
  const keep = await client.create('sim', { lease: 60_000 });
  assert.equal(keep.state, 'ready');
  assert.ok(keep.created >= before, 'it is theirs from now on, not from its launch');
  assert.ok((keep.expires ?? 0) >= before + 60_000, 'and so is their lease');
  assert.deepEqual(
    (await client.list()).map(({ id }) => formatKeepId(id)),
    [formatKeepId(keep.id)],
  );
  assert.equal(await client.tell(keep.id, 'finish'), 'last words');
  assert.equal((await client.reaches(keep.id, 'exited', 'failed')).state, 'exited');
  await full(client, 2);
  assert.equal(await metric(client, 'enarx_pool_events_total{event="assigned",tee="sim",reason="none"}'), 1);
  assert.equal(await metric(client, 'enarx_keeps_created_total{tee="sim"}'), 1);
  const { backends } = decodeMessage(platform, (await client.ask('GET', '/v1/platform')).body);
  const probe = backends.find(({ tee }) => tee === 'sim')?.probes.find(({ id }) => id === 'pool');
  assert.equal(probe?.found, '2 of 2 Keeps are ready');
});

test('no two creations get the same Keep, however many come at once, and those beyond the pool are launched', async () => {
  await using host = await withPool(3);
  const { client } = host;
  await full(client, 3);
  const keeps = await Promise.all(Array.from({ length: 8 }, () => client.create()));
  assert.equal(new Set(keeps.map(({ id }) => formatKeepId(id))).size, 8);
  assert.equal(keeps.filter(({ state }) => state === 'ready').length, 3);
  assert.equal(await metric(client, 'enarx_pool_events_total{event="missed",tee="sim",reason="none"}'), 5);
  for (const said of await Promise.all(keeps.map(({ id }) => client.tell(id, 'finish'))))
    assert.equal(said, 'last words', 'each has a guest of its own');
  const one = await client.create('sim', { request: new Uint8Array(16).fill(1) });
  const again = await client.create('sim', { request: new Uint8Array(16).fill(1) }, 200);
  assert.deepEqual(again.id, one.id, 'the same request gets the same one');
});

test('a Keep that the pool’s do not fit is launched', async () => {
  await using host = await withPool(1);
  const { client } = host;
  await full(client, 1);
  assert.equal((await client.create('sim', { resources: { memory: 512 } })).state, 'launching');
  assert.equal(await ready(client), 1);
});

test('nobody reaches a Keep of the pool by its id, not even an operator', async () => {
  const state = await stateDirectory();
  await using host = await startHost({ state: state.path, config: { pool: { sim: 1 } } });
  const { client } = host;
  await full(client, 1);
  const database = new DatabaseSync(join(state.path, 'state.db'), { readOnly: true });
  const [row] = database.prepare('SELECT id FROM keeps').all();
  database.close();
  const id = row?.['id'] as Uint8Array;
  assert.equal(id.length, 16);
  for (const asked of [
    client.show(id),
    client.stop(id),
    client.remove(id),
    client.log(id),
    client.channel(id),
  ])
    await assert.rejects(asked, { code: 'keep/unknown' });
  const keep = await client.create();
  assert.deepEqual(keep.id, new Uint8Array(id), 'and it is given out all the same');
  await host.keepmgr.close();
  state.remove();
});

test('a Keep of the pool that dies, or has waited for too long, is replaced', async () => {
  await using host = await withPool(1, { poolAge: 2500 });
  const { client } = host;
  await full(client, 1);
  const first = processesOf(host.state);
  process.kill(first.at(-1) as number, 'SIGKILL');
  await eventually(
    'its end is noticed',
    async () =>
      (await metric(client, 'enarx_pool_events_total{event="lost",tee="sim",reason="ended"}')) === 1,
  );
  await full(client, 1);
  await eventually(
    'its age is noticed',
    async () => (await metric(client, 'enarx_pool_events_total{event="lost",tee="sim",reason="aged"}')) >= 1,
  );
  await full(client, 1);
  assert.deepEqual(await client.list(), [], 'nobody is told of any of them');
  const keep = await client.create();
  assert.equal(keep.state, 'ready');
  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.equal((await client.show(keep.id)).state, 'ready', 'one that was assigned does not age');
});

test('a cordoned host fills nothing, a drained one has nothing, and an uncordoned one fills again', async () => {
  await using host = await withPool(2);
  const { client } = host;
  await full(client, 2);
  await client.ask('POST', '/v1/cordon');
  await assert.rejects(client.create(), { code: 'keepmgr/cordoned' });
  await client.ask('POST', '/v1/drain');
  assert.deepEqual(processesOf(host.state), []);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.deepEqual(processesOf(host.state), []);
  await client.ask('POST', '/v1/uncordon');
  await full(client, 2);
});

test('a reload resizes the pool, up, down and to nothing', async () => {
  await using host = await withPool(1);
  const { client } = host;
  await full(client, 1);
  await host.keepmgr.reload({ pool: { sim: 3 } });
  await full(client, 3);
  await host.keepmgr.reload({ pool: { sim: 1 } });
  await full(client, 1);
  await host.keepmgr.reload({});
  await eventually('nothing runs', () => processesOf(host.state).length === 0);
  assert.equal((await client.create()).state, 'launching');
});

test('the pool takes no place that a tenant wants: of Keeps, of memory, of launches', async () => {
  await using host = await withPool(2, { keeps: 3 });
  const { client } = host;
  await full(client, 2);
  const keeps = [];
  for (let i = 0; i < 3; i += 1) keeps.push(await client.create('sim', { resources: { memory: 512 } }));
  await assert.rejects(client.create(), { code: 'keepmgr/full' });
  assert.equal(await ready(client), 0, 'all gave way');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(await ready(client), 0, 'and none comes back while the host is full');
  for (const { id } of keeps) await client.remove(id);
  await full(client, 2);

  // Room for three Keeps of 128 MiB.
  await host.keepmgr.reload({ pool: { sim: 2 }, limits: { keeps: 64, memory: 400 } });
  for (let i = 0; i < 3; i += 1) await client.create('sim', { resources: { memory: 512 } });
  assert.equal(await ready(client), 0, 'all gave way');
  await assert.rejects(client.create(), { code: 'keepmgr/host-busy' });
});

test('a pool whose launches fail tries less and less often, and says so', async () => {
  await using host = await startHost({ config: { pool: { tdx: 2 } } });
  await eventually('it says so', () =>
    host.events.some((line) => line.includes('"pool-not-filled"') && line.includes('"tee/unsupported"')),
  );
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const lines = host.events.filter((line) => line.includes('"pool-not-filled"')).length;
  assert.ok(lines <= 3, `${String(lines)} lines`);
});

test('the next daemon takes up what waits in the pool, with the same Keeps, and a new shape replaces them', async () => {
  const state = await stateDirectory();
  using pool = poolFile(2);
  const first = await startDaemon(state.path, '--config', pool.path);
  await full(first.client, 2);
  const before = processesOf(state.path).filter((pid) => pid !== first.process.pid);
  await first.kill();
  const second = await startDaemon(state.path, '--config', pool.path);
  await full(second.client, 2);
  assert.deepEqual(
    processesOf(state.path).filter((pid) => pid !== second.process.pid),
    before,
    'none was launched anew',
  );
  assert.deepEqual(await second.client.list(), []);
  await second.kill();
  // Sockets that programs may open are part of what a Keep was launched with.
  const third = await startDaemon(state.path, '--config', pool.path, '--allow-dial', '127.0.0.1:1');
  await eventually('others have taken their place', async () => {
    const now = new Set(processesOf(state.path));
    return (await ready(third.client)) === 2 && before.every((pid) => !now.has(pid));
  });
  assert.equal((await third.client.create()).state, 'ready');
  third.process.kill('SIGUSR2');
  await once(third.process, 'exit');
  // Without a pool they are cleared away; what was assigned stays.
  const fourth = await startDaemon(state.path, '--allow-dial', '127.0.0.1:1');
  const [keep, ...others] = await fourth.client.list();
  assert.deepEqual(others, []);
  assert.ok(keep !== undefined);
  await eventually('its loader is back', async () =>
    (await fourth.client.log(keep.id)).includes('keepmgr loader-connected'),
  );
  assert.match(await fourth.client.tell(keep.id, 'pid'), /^\d+$/);
  await fourth.client.remove(keep.id);
  await eventually('only the daemon is left', () =>
    processesOf(state.path).every((pid) => pid === fourth.process.pid),
  );
  await fourth.kill();
  state.remove();
});

test('a Keep of the pool whose daemon and loader were both killed is forgotten', async () => {
  const state = await stateDirectory();
  using pool = poolFile(1);
  const first = await startDaemon(state.path, '--config', pool.path);
  await full(first.client, 1);
  const others = processesOf(state.path).filter((pid) => pid !== first.process.pid);
  await first.kill();
  for (const pid of others) process.kill(pid, 'SIGKILL');
  const second = await startDaemon(state.path);
  assert.deepEqual(await second.client.list(), []);
  const database = new DatabaseSync(join(state.path, 'state.db'), { readOnly: true });
  assert.deepEqual(database.prepare('SELECT id FROM keeps').all(), []);
  database.close();
  await second.kill();
  state.remove();
});
