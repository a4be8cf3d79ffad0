// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';

import { cborContentType, createKeep, encodeMessage, formatKeepId } from '@enarx/protocol';

import type { Configuration } from '../src/config/schema.ts';
import type { Keep } from '../src/keeps/keep.ts';
import { Changes } from '../src/keeps/changes.ts';
import { Authority, type Issued } from './support/authority.ts';
import { Client } from './support/client.ts';
import { eventually, startHost, type Host } from './support/host.ts';

const openssl = spawnSync('openssl', ['version']).status === 0;

describe('a tenant that asks for all it can', { skip: !openssl && 'needs openssl', concurrency: 1 }, () => {
  let directory: string;
  let authority: Authority;
  let config: Configuration;
  let [alice, bob]: Issued[] = [];
  let host: Host;
  let hanging: ReturnType<typeof createServer>;
  const waiting: Socket[] = [];

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'enarx-greedy-'));
    authority = new Authority(directory, 'ours');
    const server = authority.issue('server', 'subjectAltName=IP:127.0.0.1');
    alice = authority.issue('alice');
    bob = authority.issue('bob');
    // An issuer that takes connections and never says a word.
    hanging = createServer((socket) => waiting.push(socket.on('error', () => undefined))).listen(
      0,
      '127.0.0.1',
    );
    await once(hanging, 'listening');
    const { port } = hanging.address() as AddressInfo;
    config = {
      tls: {
        certificate: server.certificateFile,
        key: server.keyFile,
        clientAuthorities: authority.root.certificateFile,
      },
      oidc: {
        issuer: 'https://issuer.example',
        audience: 'enarx',
        keys: `https://127.0.0.1:${String(port)}/`,
      },
      tenants: {
        alice: { certificate: alice.fingerprint },
        bob: { certificate: bob.fingerprint, subject: 'bob' },
      },
      limits: { createBurst: 4, createsPerSecond: 1, requestsPerTenant: 8 },
    };
    host = await startHost({ listen: 'https://127.0.0.1:0', config });
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    hanging.close();
    for (const socket of waiting) socket.destroy();
    rmSync(directory, { recursive: true });
  });

  const as = (who: Issued | undefined): Client =>
    new Client(host.keepmgr.address, {
      ca: authority.root.certificate,
      cert: who?.certificate,
      key: who?.key,
    });

  /** Many requests at once on one connection. @returns the statuses of the answers so far */
  async function pipeline(
    who: Issued | undefined,
    request: string,
    count: number,
  ): Promise<() => Record<string, number>> {
    const { port } = new URL(host.keepmgr.address);
    const { certificate: cert, key } = who ?? {};
    const socket = connect({
      host: '127.0.0.1',
      port: Number(port),
      ca: authority.root.certificate,
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      checkServerIdentity: () => undefined,
    });
    let heard = '';
    socket.on('error', () => undefined).on('data', (chunk: Uint8Array) => (heard += String(chunk)));
    await once(socket, 'secureConnect');
    socket.write(request.repeat(count));
    waiting.push(socket);
    return () => {
      const statuses = Array.from(heard.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, status = '']) => status);
      return Object.fromEntries(
        [...new Set(statuses)].map((status) => [status, statuses.filter((one) => one === status).length]),
      );
    };
  }

  test('has so many in progress, whatever it puts on one connection, and others are served', async () => {
    const a = as(alice);
    const b = as(bob);
    const { cursor } = await b.changes();
    const heard = await pipeline(bob, `GET /v1/changes?after=${cursor} HTTP/1.1\r\nhost: x\r\n\r\n`, 500);
    await eventually(
      'eight wait',
      async () => (await b.problem('GET', '/v1/').catch(() => undefined))?.code === 'api/too-many-requests',
    );
    const keep = await a.create();
    assert.equal((await a.reaches(keep.id, 'ready', 'failed')).state, 'ready');
    assert.deepEqual(heard(), {}, 'answers come in order, and nothing of bob’s has changed');
    // A change of another's answers none of bob's; one of the daemon's end would. His own does.
    await host.keepmgr.reload({ ...config, limits: { ...config.limits, requestsPerTenant: 9 } });
    const own = await b.create();
    await eventually('all are answered', () => Object.values(heard()).reduce((all, n) => all + n, 0) === 500);
    assert.deepEqual(heard(), { 200: 8, 429: 492 });
    assert.equal((await b.ask('GET', '/v1/')).status, 200, 'he may ask again');
    await Promise.all([a.remove(keep.id), b.remove(own.id)]);
  });

  test('and has only a name to prove occupies as many, while its issuer does not answer', async () => {
    const token = [
      { alg: 'ES256', kid: 'x' },
      { sub: 'bob', iss: 'https://issuer.example', aud: 'enarx', exp: 4e9 },
      {},
    ].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    const heard = await pipeline(
      undefined,
      `GET /v1/ HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token.join('.')}\r\n\r\n`,
      300,
    );
    await eventually('the issuer is asked', () => waiting.length > 2);
    assert.equal((await as(alice).ask('GET', '/v1/')).status, 200, 'who has a certificate is served');
    for (const socket of waiting) if (!('encrypted' in socket)) socket.destroy();
    await eventually('all are answered', () => Object.values(heard()).reduce((all, n) => all + n, 0) === 300);
    const { 401: refused = 0, 429: tooMany = 0, ...others } = heard();
    assert.deepEqual(others, {});
    assert.ok(refused >= 128 && tooMany >= 100, JSON.stringify(heard()));
  });

  test('in vain does so at its own expense, and a reload gives it what it says', async () => {
    await host.keepmgr.reload({
      ...config,
      limits: { ...config.limits, createBurst: 3, createsPerSecond: 1e-9 },
    });
    const b = as(bob);
    const codes: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      const body = encodeMessage(createKeep, { tee: 'sev' });
      const headers = { 'content-type': cborContentType };
      codes.push((await b.problem('POST', '/v1/keeps', { headers, body })).code);
    }
    assert.deepEqual(codes, [
      ...Array<string>(3).fill('tee/unsupported'),
      ...Array<string>(2).fill('keepmgr/too-fast'),
    ]);
    const a = as(alice);
    const keep = await a.create('sim', { lease: 60_000 });
    await a.renew(keep.id, 60_000);
    await a.renew(keep.id, 60_000);
    await assert.rejects(a.renew(keep.id, 60_000), { code: 'keepmgr/too-fast' });
    await host.keepmgr.reload(config);
    await a.renew(keep.id, 60_000);
    await a.remove(keep.id);
  });

  test('for the page behind a Keep that is another’s, or no more, learns nothing and misses nothing', async () => {
    const a = as(alice);
    const b = as(bob);
    const [his, mine] = [await b.create(), await a.create()];
    const last = await b.create();
    const pages = async (id: Uint8Array): Promise<readonly [number, string]> => {
      const { status, body } = await b.ask('GET', `/v1/keeps?after=${formatKeepId(id)}`);
      return [status, Buffer.from(body).toString()];
    };
    assert.deepEqual(
      (await b.list(`?after=${formatKeepId(his.id)}`)).map(({ id }) => formatKeepId(id)),
      [formatKeepId(last.id)],
    );
    await b.remove(his.id);
    const never = await pages(new Uint8Array(16));
    assert.equal(never[0], 404);
    assert.deepEqual(await pages(mine.id), never);
    assert.deepEqual(await pages(his.id), never);
    await Promise.all([a.remove(mine.id), b.remove(last.id)]);
  });

  test('for the end of a Keep again and again does not make the host write it again', async () => {
    const b = as(bob);
    const { id } = await b.create();
    await b.stop(id);
    const written = (): bigint => statSync(join(host.state, 'state.db-wal'), { bigint: true }).mtimeNs;
    const before = written();
    for (let i = 0; i < 5; i += 1) await b.stop(id);
    assert.equal(written(), before);
    await b.remove(id);
    assert.ok(written() > before, 'what does change is written');
  });
});

test('whoever watches is told of each Keep once, as often as it may have changed', () => {
  const changes = new Changes();
  const keeps = ['a', 'b', 'a'].map(
    (tenant, at) => ({ id: new Uint8Array(16).fill(at), belonging: { tenant } }) as unknown as Keep,
  );
  const [first, second, third] = keeps as [Keep, Keep, Keep];
  for (const keep of keeps) changes.note(keep);
  const { cursor, keeps: all } = changes.since('', 'a');
  assert.deepEqual(all, [first, third]);
  for (let i = 0; i < 1000; i += 1) changes.note(second);
  assert.deepEqual(changes.since(cursor, 'a').keeps, []);
  assert.deepEqual(changes.since(cursor, 'b').keeps, [second]);
  changes.note(first);
  changes.noteRemoved(third);
  const later = changes.since(cursor, undefined);
  assert.deepEqual([later.keeps, later.removed], [[second, first], [third.id]]);
  assert.deepEqual(changes.since(later.cursor, undefined).keeps, []);
  assert.deepEqual(changes.since('', 'a').keeps, [first]);
});
