// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import type { Configuration } from '../src/config/schema.ts';
import type { Limits } from '../src/index.ts';
import { Authority } from './support/authority.ts';
import { Client } from './support/client.ts';
import { eventually, startHost } from './support/host.ts';

const openssl = spawnSync('openssl', ['version']).status === 0;

interface Setting extends AsyncDisposable {
  /** A user of the machine. */
  readonly local: Client;
  readonly alice: Client;
  readonly bob: Client;
}

/** A host with two tenants, of which one is bounded. */
async function hostOfTwo(
  bounds: { keeps?: number; memory?: number },
  limits: Partial<Limits>,
  pool: Configuration['pool'] = {},
): Promise<Setting> {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-quotas-'));
  const authority = new Authority(directory, 'ours');
  const server = authority.issue('server', 'subjectAltName=IP:127.0.0.1');
  const [alice, bob] = [authority.issue('alice'), authority.issue('bob')];
  const config: Configuration = {
    tls: {
      certificate: server.certificateFile,
      key: server.keyFile,
      clientAuthorities: authority.root.certificateFile,
    },
    tenants: { alice: { certificate: alice.fingerprint, ...bounds }, bob: { certificate: bob.fingerprint } },
    pool,
  };
  const host = await startHost({ listen: ['https://127.0.0.1:0', 'http://127.0.0.1:0'], config, limits });
  const as = ({ certificate: cert, key }: typeof alice): Client =>
    new Client(host.keepmgr.address, { ca: authority.root.certificate, cert, key });
  return {
    local: new Client(host.keepmgr.addresses[1] as string),
    alice: as(alice),
    bob: as(bob),
    [Symbol.asyncDispose]: async () => {
      await host[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true });
    },
  };
}

describe('a tenant', { skip: !openssl && 'needs openssl' }, () => {
  test('has Keeps that count for at most its quota of memory, also in a race, and others are not touched', async () => {
    await using setting = await hostOfTwo({ memory: 300 }, { processMemory: 100 });
    const { alice, bob } = setting;
    const race = await Promise.allSettled(Array.from({ length: 6 }, () => alice.create()));
    const made = race.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
    assert.equal(made.length, 3);
    await assert.rejects(alice.create(), (error: { code: string; expected: string }) => {
      assert.equal(error.code, 'keepmgr/quota');
      assert.match(error.expected, /300 MiB/);
      return true;
    });
    await bob.create();
    await alice.stop((made[0] as { id: Uint8Array }).id);
    await alice.create();
    await assert.rejects(alice.create(), { code: 'keepmgr/quota' });
  });

  test('is not charged for the pool, until it has a Keep of it', async () => {
    await using setting = await hostOfTwo({ keeps: 1 }, {}, { sim: 2 });
    const { alice, local } = setting;
    const ready = async (): Promise<boolean> =>
      Buffer.from((await local.ask('GET', '/metrics')).body)
        .toString()
        .includes('enarx_pool_keeps{tee="sim",state="ready"} 2');
    await eventually('the pool is full', ready, 20_000);
    assert.deepEqual(await alice.list(), []);
    assert.equal((await alice.create()).state, 'ready');
    await assert.rejects(alice.create(), { code: 'keepmgr/quota' }, 'a Keep that waits does not help');
    const asked = await alice.ask('GET', '/v1/platform');
    assert.ok(!Buffer.from(asked.body).includes('Keeps are ready'), 'and how many wait is not for tenants');
  });

  test('launches in its turn: one that asks for much does not hold up another', async () => {
    await using setting = await hostOfTwo({}, { launchesAtOnce: 1, spareLoaders: 0 });
    const { alice, bob } = setting;
    const order: string[] = [];
    const create = async (who: string, client: Client): Promise<void> => {
      await client.create();
      order.push(who);
    };
    const many = Array.from({ length: 8 }, () => create('alice', alice));
    await eventually('the first is made', () => order.length >= 1);
    await Promise.all([...many, create('bob', bob)]);
    const place = order.indexOf('bob');
    assert.ok(place <= 3, order.join());
  });
});
