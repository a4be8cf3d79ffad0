// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { machineDefaults } from '@enarx/keepldr/machine-kinds';
import { formatKeepId } from '@enarx/protocol';

import { FairQueue } from '../src/keeps/fair-queue.ts';
import { defaultLimits } from '../src/limits.ts';
import { admit, readMachineMemory } from '../src/keeps/admission.ts';
import { memoryOf } from '../src/keeps/footprint.ts';
import { startHost } from './support/host.ts';
import { raw } from './support/raw.ts';

test('metrics count what happened, in the words of the daemon only', async () => {
  await using host = await startHost();
  const { client } = host;
  const text = async (): Promise<string> =>
    Buffer.from((await client.ask('GET', '/metrics')).body).toString();
  const { id } = await client.create();
  await client.reaches(id, 'ready');
  assert.match(await text(), /^enarx_keeps\{state="ready"\} 1$/m);
  await client.tell(id, 'run');
  await client.reaches(id, 'running');
  await client.stop(id);
  await assert.rejects(client.show(new Uint8Array(16)), { code: 'keep/unknown' });
  const found = await text();
  for (const line of [
    'enarx_keeps{state="ready"} 0',
    'enarx_records 1',
    'enarx_cordoned 0',
    'enarx_keeps_created_total{tee="sim"} 1',
    'enarx_keeps_ended_total{state="exited",reason="none"} 1',
    'enarx_refusals_total{code="keep/unknown"} 1',
    'enarx_launch_seconds_count 1',
    'enarx_claim_seconds_count 1',
  ]) {
    assert.ok(found.split('\n').includes(line), line);
  }
  assert.ok(!found.includes(formatKeepId(id)), 'no id');
  for (const line of found.trimEnd().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^{}]*\})? [0-9.e+-]+)$/);
});

test('the daemon says whether it lives and whether it would make a Keep', async () => {
  await using host = await startHost();
  const status = async (path: string): Promise<number> => (await host.client.ask('GET', path)).status;
  assert.deepEqual([await status('/healthz'), await status('/readyz')], [200, 200]);
  await host.client.ask('POST', '/v1/cordon');
  assert.deepEqual([await status('/healthz'), await status('/readyz')], [200, 503]);
  assert.match(Buffer.from((await host.client.ask('GET', '/readyz')).body).toString(), /cordoned/);
});

test('a refused request has a number in its answer and its line, and a flood of them is no flood of lines', async () => {
  await using host = await startHost();
  const { bytes } = await raw(
    host.client.port,
    `GET /v1/keeps/${'ab'.repeat(16)}?request=forged HTTP/1.1\r\nhost: localhost\r\nrequest-id: mine\r\nconnection: close\r\n\r\n`,
  );
  const number = /request-id: ([0-9a-f]{16})\r\n/i.exec(bytes.toString('latin1'))?.[1];
  assert.ok(number !== undefined);
  assert.ok(host.events.some((line) => line.includes(number) && line.includes('api/path-unknown')));
  assert.ok(!host.events.some((line) => line.includes('forged') || line.includes('mine')));
  const before = host.events.length;
  await Promise.all(Array.from({ length: 400 }, () => host.client.ask('GET', '/nothing')));
  assert.ok(host.events.length - before < 200, `${String(host.events.length - before)} lines`);
});

test('tenants launch in turns: who has a long line waits no less than who has a short one', async () => {
  const queue = new FairQueue(
    () => 1,
    () => 8,
  );
  const served: string[] = [];
  const first = await queue.enter('greedy');
  const enter = async (tenant: string): Promise<void> => {
    const leave = await queue.enter(tenant);
    served.push(tenant);
    setImmediate(leave);
  };
  const all = [...Array.from({ length: 8 }, () => enter('greedy')), enter('modest'), enter('other')];
  await assert.rejects(queue.enter('greedy'), { code: 'keepmgr/too-fast' });
  first();
  first();
  await Promise.all(all);
  assert.ok(served.indexOf('modest') <= 2 && served.indexOf('other') <= 3, served.join());
  const again = await queue.enter('greedy');
  again();
});

test('a machine that is short of memory takes no Keep, whether it is now or might come to be', () => {
  const machine = { total: 8000, available: 4000 };
  const limits = { memory: 0, memoryReserve: 256 };
  const none = { all: 0, launching: 0 };
  const busy = { code: 'keepmgr/host-busy' };
  admit(1, none, limits);
  admit(3744, none, limits, machine);
  assert.throws(() => {
    admit(3745, none, limits, machine);
  }, busy);
  admit(1000, { all: 2744, launching: 2744 }, limits, machine);
  assert.throws(() => {
    // Those that launch have not taken it yet.
    admit(1000, { all: 2745, launching: 2745 }, limits, machine);
  }, busy);
  admit(1000, { all: 6744, launching: 0 }, limits, machine);
  assert.throws(() => {
    // Those that run may still take it.
    admit(1000, { all: 6745, launching: 0 }, limits, machine);
  }, busy);
  assert.throws(() => {
    admit(1000, { all: 1001, launching: 0 }, { ...limits, memory: 2000 }, machine);
  }, busy);
  assert.throws(() => readMachineMemory('/nonexistent'), busy);
  const real = readMachineMemory();
  assert.ok(real.available > 0 && real.available <= real.total);
});

test('a machine counts for what it is given, a process for what the operator says', () => {
  const limits = { ...defaultLimits, processMemory: 100 };
  assert.equal(memoryOf('sim', { memory: 4096 }, limits), 100);
  assert.equal(memoryOf('sim-sev', undefined, limits), 100);
  assert.equal(memoryOf('vm', undefined, limits), machineDefaults.memory + 128);
  assert.equal(memoryOf('snp', { memory: 2048 }, limits), 2048 + 128);
});
