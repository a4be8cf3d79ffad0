// SPDX-License-Identifier: Apache-2.0
//
// Kills the daemon while Keeps of its pool are being assigned, before, in and after the write, and looks whether one was given to two, or lost.
// ENARX_KILL_POINTS=N runs N points; `npm test` runs a few.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { after, test } from 'node:test';

import { formatKeepId } from '@enarx/protocol';

import { eventually, processesOf, startDaemon, stateDirectory, type Daemon } from './support/host.ts';

const points = Number(env['ENARX_KILL_POINTS'] ?? 5);
const poolSize = 3;
/** More than there are in the pool, so that some are launched meanwhile. */
const clients = 5;

const directory = mkdtempSync(join(tmpdir(), 'enarx-pool-kills-'));
const config = join(directory, 'keepmgr.toml');
writeFileSync(config, `[pool]\nsim = ${String(poolSize)}\n`);
after(() => {
  rmSync(directory, { recursive: true });
});

async function filled({ client }: Daemon): Promise<void> {
  await eventually(
    'the pool is full',
    async () =>
      Buffer.from((await client.ask('GET', '/metrics')).body)
        .toString()
        .includes(`enarx_pool_keeps{tee="sim",state="ready"} ${String(poolSize)}`),
    30_000,
  );
}

for (let point = 0; point < points; point += 1) {
  test(`kill point ${String(point)} of the pool: no Keep is anybody’s twice, and none that was acknowledged is lost`, async (t) => {
    const state = await stateDirectory();
    const first = await startDaemon(state.path, '--config', config);
    await filled(first);
    const requests = Array.from({ length: clients }, () => new Uint8Array(randomBytes(16)));
    const acknowledged = new Map<Uint8Array, string>();
    const asked = requests.map(async (request) => {
      acknowledged.set(request, formatKeepId((await first.client.create('sim', { request })).id));
    });
    const settled = Promise.allSettled(asked);
    // From before the first write to after the last answer.
    await new Promise((resolve) => setTimeout(resolve, (point * 30) / points));
    await first.kill();
    await settled;

    const second = await startDaemon(state.path, '--config', config);
    t.after(() => second.kill());
    const kept = new Map<string, Uint8Array>();
    for (const request of requests) {
      // Made by the first daemon, or only now; asked again it is the same in any case.
      await second.client.create('sim', { request }).catch(() => undefined);
      const answer = await second.client.create('sim', { request }, 200);
      const id = formatKeepId(answer.id);
      assert.ok(!kept.has(id), 'no two have the same');
      kept.set(id, answer.id);
      const before = acknowledged.get(request);
      if (before !== undefined) assert.equal(id, before, 'what was acknowledged is still theirs');
    }
    // Whoever comes now gets none of them either.
    for (let i = 0; i < poolSize; i += 1) {
      const { id } = await second.client.create();
      assert.ok(!kept.has(formatKeepId(id)));
      kept.set(formatKeepId(id), id);
    }
    assert.deepEqual(
      (await second.client.list()).map(({ id }) => formatKeepId(id)).sort(),
      [...kept.keys()].sort(),
      'and there is none that nobody asked for',
    );
    for (const id of kept.values()) {
      if ((await second.client.reaches(id, 'ready', 'failed')).state !== 'ready') continue;
      assert.equal(await second.client.tell(id, 'finish'), 'last words', 'each has a guest that nobody had');
    }
    await second.client.ask('POST', '/v1/drain');
    await eventually('nothing is left but the daemon', () =>
      processesOf(state.path).every((pid) => pid === second.process.pid),
    );
    await eventually('and no directory', () => readdirSync(join(state.path, 'keeps')).length === 0);
    await second.kill();
    state.remove();
  });
}
