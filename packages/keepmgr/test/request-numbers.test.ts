// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';

import {
  cborContentType,
  createKeep,
  decodeMessage,
  encodeMessage,
  formatKeepId,
  keep as keepMessage,
  keepLog,
  toHex,
} from '@enarx/protocol';

import { collect, path } from './support/client.ts';
import { eventually, startHost, type Host } from './support/host.ts';

interface Line {
  readonly event: string;
  readonly source?: string;
  readonly word?: string;
  readonly keep?: string;
  readonly request?: string;
  readonly stream?: number;
  readonly state?: string;
}

/** Asks, and says which number the host gave to the request. */
function ask(host: Host, method: string, where: string, body?: Uint8Array): Promise<[string, Uint8Array]> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: '127.0.0.1',
      port: host.client.port,
      method,
      path: where,
      agent: false,
      headers: body === undefined ? {} : { 'content-type': cborContentType },
    });
    outgoing.on('response', (response) => {
      collect(response).then((bytes) => {
        resolve([String(response.headers['request-id']), bytes]);
      }, reject);
    });
    outgoing.on('error', reject).end(body);
  });
}

/** Opens a channel for one command of the stand-in guest's. */
function tell(host: Host, id: Uint8Array, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: '127.0.0.1',
      port: host.client.port,
      path: path(id, '/channel'),
      headers: { connection: 'Upgrade', upgrade: 'enarx-channel/1' },
    });
    outgoing.on('upgrade', (response, socket) => {
      socket.end(`${command}\n`);
      socket.resume().on('close', () => {
        resolve(String(response.headers['request-id']));
      });
    });
    outgoing.on('error', reject).end();
  });
}

const linesOf = (host: Host): Line[] => host.events.map((line) => JSON.parse(line) as Line);

for (const pool of [0, 1]) {
  test(`the number of a request is in the lines of keepmgr, keepldr and wasmldr about the Keep that it asked for${pool > 0 ? ', also of one out of the pool' : ''}`, async () => {
    await using host = await startHost({ config: { pool: { sim: pool } } });
    if (pool > 0)
      await eventually(
        'the pool is full',
        async () =>
          Buffer.from((await host.client.ask('GET', '/metrics')).body)
            .toString()
            .includes('enarx_pool_keeps{tee="sim",state="ready"} 1'),
        20_000,
      );
    const [created, answer] = await ask(host, 'POST', '/v1/keeps', encodeMessage(createKeep, { tee: 'sim' }));
    assert.match(created, /^[0-9a-f]{16}$/);
    const { id } = decodeMessage(keepMessage, answer);
    const keep = formatKeepId(id);
    await host.client.reaches(id, 'ready');
    const opened = await tell(host, id, 'report');
    await eventually('evidence is told of', () =>
      linesOf(host).some(({ word }) => word === 'evidence-given'),
    );
    await tell(host, id, 'run');
    await host.client.reaches(id, 'running');
    const [stopped] = await ask(host, 'POST', path(id, '/stop'));
    assert.equal(new Set([created, opened, stopped]).size, 3);

    const lines = linesOf(host).filter((line) => line.keep === keep);
    const after = lines.slice(lines.findIndex(({ event }) => event === 'keep-created'));
    const has = (wanted: Line): void => {
      const found = after.some((line) =>
        Object.entries(wanted).every(([key, value]) => line[key as keyof Line] === value),
      );
      assert.ok(
        found,
        `${JSON.stringify(wanted)} in ${after.map((line) => JSON.stringify(line)).join('\n')}`,
      );
    };
    has({ event: 'keep-created', request: created });
    has({ event: 'keep-state', state: 'running', request: created });
    has({ event: 'loader-event', source: 'keepldr', word: 'guest-ended', request: created });
    for (const word of ['evidence-given', 'claimed', 'running'])
      has({ event: 'loader-event', source: 'wasmldr', word, request: created });
    has({ event: 'channel-opens', request: opened, stream: 1 });
    has({ event: 'keep-stops', request: stopped });
    // And in the Keep's own log, for its tenant.
    const log = decodeMessage(keepLog, (await host.client.ask('GET', path(id, '/log'))).body);
    const named = log.map(({ source, event, request: number }) => [
      source,
      event,
      number === undefined ? undefined : toHex(number),
    ]);
    assert.ok(named.some((entry) => entry.join() === `wasmldr,running,${created}`));
    assert.ok(named.some((entry) => entry.join() === `keepmgr,stop,${stopped}`));
  });
}

test('what passes between client and Keep, and what a loader says in detail, is in no line', async () => {
  await using host = await startHost();
  const { id } = await host.client.create('sim', { request: Buffer.from('planted-request!') });
  await host.client.reaches(id, 'ready');
  const socket = await host.client.channel(id);
  socket.write('planted-command planted-argument\n');
  socket.on('error', () => undefined);
  socket.destroy();
  // A link in the place of the guest's socket: the loader's word for what it met is a path.
  await host.client.tell(id, 'link /planted/target');
  const asked = performance.now();
  await assert.rejects(host.client.channel(id), { code: 'keep/channel-failed' });
  assert.ok(performance.now() - asked < 10_000, 'its client is told at once, not when its time is over');
  await eventually('it is told of', () => linesOf(host).some(({ word }) => word === 'relay-failed'), 10_000);
  const all = host.events.join('');
  for (const secret of ['planted', Buffer.from('planted-request!').toString('hex'), host.state])
    assert.ok(!all.includes(secret), secret);
  for (const line of linesOf(host)) if (line.event === 'loader-event') assert.ok(!('detail' in line));
});

test('the moments of a Keep are measured, from where the host sees them', async () => {
  await using host = await startHost();
  const { client } = host;
  const text = async (): Promise<string> =>
    Buffer.from((await client.ask('GET', '/metrics')).body).toString();
  const { id } = await client.create();
  await client.reaches(id, 'ready');
  await client.tell(id, 'report');
  await eventually('evidence is counted', async () => /^enarx_evidence_seconds_count 1$/m.test(await text()));
  await client.tell(id, 'report');
  await client.tell(id, 'claim');
  await new Promise((resolve) => setTimeout(resolve, 150));
  await client.tell(id, 'proceed');
  await client.reaches(id, 'running');
  const metrics = await text();
  assert.match(metrics, /^enarx_attest_seconds_count 1$/m, 'the first counts');
  assert.match(metrics, /^enarx_evidence_seconds_count 2$/m, 'each counts');
  assert.match(metrics, /^enarx_delivery_seconds_count 1$/m);
  assert.ok(Number(/^enarx_delivery_seconds_sum ([\d.]+)$/m.exec(metrics)?.[1]) > 0.14);
  for (const certificate of ['ark', 'ask', 'vcek']) {
    const label = `{certificate="simulated-${certificate}"}`;
    const value = (name: string): number =>
      Number(
        metrics
          .split('\n')
          .find((line) => line.startsWith(`${name}${label} `))
          ?.split(' ')[1],
      );
    assert.ok(value('enarx_collateral_age_seconds') > 0);
    assert.ok(value('enarx_collateral_left_seconds') > 365 * 86_400);
  }
});
