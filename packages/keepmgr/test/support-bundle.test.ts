// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { decodeMessage, formatKeepId, supportBundle } from '@enarx/protocol';

import type { Keeps } from '../src/keeps/keeps.ts';
import { defaultLimits } from '../src/limits.ts';
import { writeBundle } from '../src/support/bundle.ts';
import { RecentLines } from '../src/support/recent-lines.ts';
import { scrubbed } from '../src/support/scrub.ts';
import type { Client } from './support/client.ts';
import { eventually, startDaemon, startHost, stateDirectory } from './support/host.ts';
import { raw } from './support/raw.ts';

async function bundleOf(client: Client): Promise<string> {
  return decodeMessage(supportBundle, (await client.ask('GET', '/v1/support')).body).json;
}

test('a bundle says what is wanted to find out what is wrong', async () => {
  await using host = await startHost({ config: { pool: { sim: 1 } }, limits: { keeps: 7 } });
  const { client } = host;
  const { id } = await client.create();
  await client.reaches(id, 'ready');
  await client.ask('GET', '/nothing');
  const bundle = JSON.parse(await bundleOf(client)) as {
    format: string;
    release: string;
    node: string;
    configuration: { pool: { sim: number } };
    limits: { keeps: number };
    platform: { tee: string; usable: boolean }[];
    keeps: { id: string; tenant: string; state: string; log: { event: string; request?: string }[] }[];
    metrics: string[];
    log: { event: string; code?: string }[];
  };
  assert.equal(bundle.format, 'enarx-support/1');
  assert.ok(bundle.release.length > 0);
  assert.equal(bundle.node, process.version);
  assert.equal(bundle.configuration.pool.sim, 1);
  assert.equal(bundle.limits.keeps, 7);
  assert.ok(bundle.platform.some(({ tee, usable }) => tee === 'sim' && usable));
  const [keep] = bundle.keeps;
  assert.deepEqual([keep?.id, keep?.tenant, keep?.state], [formatKeepId(id), 'local', 'ready']);
  assert.ok(keep?.log.some(({ event, request }) => event === 'state-ready' && request !== undefined));
  assert.ok(bundle.metrics.includes('enarx_keeps{state="ready"} 1'));
  assert.ok(bundle.log.some(({ event, code }) => event === 'request-refused' && code === 'api/path-unknown'));
});

test('a bundle holds no secret and nothing of a tenant’s, wherever such a thing was', async () => {
  // Each is planted in one place, and named for it.
  const planted: Record<string, string> = Object.fromEntries(
    [
      ...['environment', 'tenant-name', 'subject', 'issuer-password', 'audience', 'key-path', 'anchor-path'],
      ...['header', 'bearer', 'path', 'query', 'body', 'channel', 'guest-output', 'toml', 'unknown-tenant'],
    ].map((place) => [place, `planted-${place}-${'x'.repeat(8)}`]),
  );
  const jwt = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJl`;
  const state = await stateDirectory();
  const directory = mkdtempSync(join(tmpdir(), 'enarx-bundle-'));
  const config = join(directory, 'keepmgr.toml');
  const fingerprint = 'ab'.repeat(32);
  const content = [
    '[tls]',
    `certificate = "${planted['anchor-path'] ?? ''}.pem"`,
    `key = "${planted['key-path'] ?? ''}.key"`,
    '[oidc]',
    `issuer = "https://user:${planted['issuer-password'] ?? ''}@issuer.example"`,
    `audience = "${planted['audience'] ?? ''}"`,
    'keys = "jwks.json"',
    `[tenants.${planted['tenant-name'] ?? ''}]`,
    `subject = "${planted['subject'] ?? ''}@example.org"`,
    'keeps = 3',
    '[tenants.other]',
    `certificate = "${fingerprint}"`,
  ].join('\n');
  writeFileSync(config, content);
  // Where nobody listens with TLS none of these files is read.
  const daemon = await startDaemon(state.path, '--config', config);
  const { client } = daemon;
  const { id } = await client.create();
  await client.reaches(id, 'ready');
  const channel = await client.channel(id);
  channel.write(`claim ${planted['channel'] ?? ''}\n`);
  await client.reaches(id, 'claimed');
  channel.destroy();
  const head = (path: string, ...headers: string[]): string =>
    [`GET ${path} HTTP/1.1`, 'host: localhost', ...headers, 'connection: close', '', ''].join('\r\n');
  await raw(client.port, head(`/v1/${planted['path'] ?? ''}`, `x-secret: ${planted['header'] ?? ''}`));
  await raw(client.port, head(`/v1/keeps?state=${planted['query'] ?? ''}`, `authorization: Bearer ${jwt}`));
  await raw(client.port, head('/v1/keeps', `authorization: Bearer ${planted['bearer'] ?? ''}`));
  await raw(client.port, `GET ${planted['body'] ?? ''}\r\n\r\n`);
  await client.ask('POST', '/v1/keeps', {
    headers: { 'content-type': 'application/cbor' },
    body: Buffer.from(planted['body'] ?? ''),
  });
  writeFileSync(config, `${content}\nsecret = "${planted['toml'] ?? ''}"\nsecret = 1`);
  const refusals = async (): Promise<number> => (await bundleOf(client)).split('"reload-refused"').length - 1;
  daemon.process.kill('SIGHUP');
  await eventually('the first is refused', async () => (await refusals()) === 1);
  writeFileSync(config, `${content}\n[tenants.${planted['unknown-tenant'] ?? ''}]\nkeeps = 1`);
  daemon.process.kill('SIGHUP');
  await eventually('the second is refused', async () => (await refusals()) === 2);

  const bundle = await bundleOf(client);
  const secrets = [
    ...Object.values(planted),
    ...[jwt, fingerprint, readFileSync(join(state.path, 'simulator.cbor')).toString('base64').slice(0, 64)],
    ...[directory, '-----BEGIN'],
  ];
  for (const secret of secrets) assert.ok(!bundle.includes(secret), secret);
  const told = JSON.parse(bundle) as { configuration: { tenants: object; oidc: object; tls: object } };
  assert.deepEqual(told.configuration.oidc, { issuer: '(given)', audience: '(given)', keys: '(given)' });
  assert.deepEqual(told.configuration.tls, { certificate: '(given)', key: '(given)' });
  assert.deepEqual(told.configuration.tenants, {
    'tenant-1': { subject: '(given)', keeps: 3 },
    'tenant-2': { certificate: '(given)' },
  });
  await daemon.kill();
  rmSync(directory, { recursive: true });
  state.remove();
});

test('what looks like a secret in a message of somebody else’s is taken out, and ids stay', () => {
  for (const [text, left] of [
    ['key: -----BEGIN PRIVATE KEY-----\nMIG…\n-----END PRIVATE KEY----- end', 'key: [PEM] end'],
    ['-----BEGIN PRIVATE KEY-----\nMIG', '[PEM]'],
    ['got Bearer abc.def-ghi', 'got [credentials]'],
    ['eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.', '[token]'],
    ['https://a:b@host/x', 'https://[credentials]@host/x'],
    [`digest ${'0f'.repeat(24)}`, 'digest [hexadecimal]'],
    ['x'.repeat(40), '[base64]'],
    ['alice@example.org', '[address]'],
    [
      `keep ${'0f'.repeat(16)} request ${'0f'.repeat(8)}`,
      `keep ${'0f'.repeat(16)} request ${'0f'.repeat(8)}`,
    ],
  ] as const)
    assert.equal(scrubbed(text), left);
});

test('a bundle never grows beyond what one answer may hold, and is JSON all the same', async () => {
  const log = Array.from({ length: 256 }, (_, time) => ({
    time,
    source: 'keepldr',
    event: 'e'.repeat(64),
    request: new Uint8Array(8),
  }));
  const keep = (index: number): unknown => ({
    belonging: { tenant: `tenant ${String(index)}` },
    summary: () => ({ id: new Uint8Array(16), tee: 'sim', state: 'exited', created: index }),
    log: () => Promise.resolve(log),
  });
  const lines = new RecentLines();
  for (let i = 0; i < 5000; i += 1) lines.add(`{"number":${String(i)},"detail":"${'d '.repeat(256)}"}\n`);
  assert.equal(lines.last().length, 1000);
  const json = await writeBundle({
    release: 'x',
    clock: () => 0,
    configuration: () => ({}),
    limits: defaultLimits,
    keeps: { list: () => Array.from({ length: 300 }, (_, index) => keep(index)) } as unknown as Keeps,
    lines,
    platform: () => Promise.resolve([]),
    obstacles: () => Promise.resolve([]),
    metrics: () => Promise.resolve(''),
  });
  assert.ok(Buffer.byteLength(json) < supportBundle.maxBytes - 64);
  const told = JSON.parse(json) as { keeps: { created: number }[]; log: { number: number }[] };
  assert.equal(told.keeps.at(-1)?.created, 299, 'the newest are there');
  assert.equal(told.log.at(-1)?.number, 4999);
  assert.ok(!json.includes('tenant 299'));
});
