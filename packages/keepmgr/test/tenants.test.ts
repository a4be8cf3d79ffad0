// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';

import { createKeep, encodeMessage, formatKeepId } from '@enarx/protocol';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey } from 'jose';

import { checked, readConfiguration } from '../src/config/read.ts';
import { configurationRows, type Configuration } from '../src/config/schema.ts';
import { Client, collect, path, type Credentials } from './support/client.ts';
import { Authority, type Issued } from './support/authority.ts';
import { startHost, type Host } from './support/host.ts';

const openssl = spawnSync('openssl', ['version']).status === 0;

interface Setting {
  readonly host: Host;
  readonly config: Configuration;
  readonly authority: Authority;
  readonly directory: string;
  readonly as: (who: Partial<Credentials>) => Client;
  readonly withCertificate: (issued: Issued) => Client;
  readonly token: (
    claims: Record<string, unknown>,
    options?: { key?: CryptoKey; algorithm?: string; issuer?: string; audience?: string; expires?: number },
  ) => Promise<string>;
}

let setting: Setting;
let signing: Awaited<ReturnType<typeof generateKeyPair>>;
let alice: Issued;
let operator: Issued;
let unlisted: Issued;
let stranger: Issued;

describe('on an address that others can reach', { skip: !openssl && 'needs openssl', concurrency: 1 }, () => {
  before(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'enarx-tenants-'));
    const authority = new Authority(directory, 'ours');
    const server = authority.issue('server', 'subjectAltName=IP:127.0.0.1');
    alice = authority.issue('alice');
    operator = authority.issue('operator');
    unlisted = authority.issue('unlisted');
    stranger = new Authority(directory, 'theirs').issue('alice');
    signing = await generateKeyPair('ES256', { extractable: true });
    const keys = join(directory, 'jwks.json');
    writeFileSync(
      keys,
      JSON.stringify({ keys: [{ ...(await exportJWK(signing.publicKey)), alg: 'ES256', kid: 'one' }] }),
    );
    const config: Configuration = {
      tls: {
        certificate: server.certificateFile,
        key: server.keyFile,
        clientAuthorities: authority.root.certificateFile,
      },
      oidc: { issuer: 'https://issuer.example', audience: 'enarx', keys },
      tenants: {
        alice: { certificate: alice.fingerprint, keeps: 2, longestLease: 60_000 },
        bob: { subject: 'bob@example', createsPerMinute: 3 },
        ops: { certificate: operator.fingerprint, operator: true },
      },
    };
    const host = await startHost({ listen: ['https://127.0.0.1:0', 'http://127.0.0.1:0'], config });
    const as = (who: Partial<Credentials>): Client =>
      new Client(host.keepmgr.address, { ca: authority.root.certificate, ...who });
    setting = {
      host,
      config,
      authority,
      directory,
      as,
      withCertificate: ({ certificate, key }) => as({ cert: certificate, key }),
      token: (
        claims,
        {
          key = signing.privateKey,
          algorithm = 'ES256',
          issuer = 'https://issuer.example',
          audience = 'enarx',
          expires = 60,
        } = {},
      ) =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: algorithm, kid: 'one' })
          .setIssuer(issuer)
          .setAudience(audience)
          .setExpirationTime(Math.floor(Date.now() / 1000) + expires)
          .sign(key),
    };
  });
  after(async () => {
    await setting.host[Symbol.asyncDispose]();
    rmSync(setting.directory, { recursive: true });
  });

  test('whoever cannot prove who it is gets one and the same answer', async () => {
    const { as, token, withCertificate } = setting;
    const other = await generateKeyPair('ES256');
    const secret = new TextEncoder().encode('the public key, used as a secret that both know');
    const hmac = new SignJWT({ sub: 'bob@example' })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer('https://issuer.example')
      .setAudience('enarx')
      .setExpirationTime('1m')
      .sign(secret);
    const claims = { sub: 'bob@example' };
    const unsigned = new UnsecuredJWT(claims)
      .setIssuer('https://issuer.example')
      .setAudience('enarx')
      .setExpirationTime('1m')
      .encode();
    for (const [name, client] of [
      ['nobody', as({})],
      ['a certificate that is not listed', withCertificate(unlisted)],
      ['the same name from another authority', withCertificate(stranger)],
      ['no token at all', as({ token: 'x' })],
      ['a subject that is not listed', as({ token: await token({ sub: 'eve' }) })],
      ['no subject', as({ token: await token({}) })],
      ['a subject that is no text', as({ token: await token({ sub: ['bob@example'] }) })],
      ['another signer', as({ token: await token(claims, { key: other.privateKey }) })],
      ['another issuer', as({ token: await token(claims, { issuer: 'https://evil.example' }) })],
      ['another audience', as({ token: await token(claims, { audience: 'somebody-else' }) })],
      ['an expired token', as({ token: await token(claims, { expires: -60 }) })],
      ['a token without signature', as({ token: unsigned })],
      ['a token with a shared secret', as({ token: await hmac })],
    ] as const) {
      const problem = await client
        .problem('GET', '/v1/keeps')
        .catch((error: unknown) => error as { code: string });
      assert.ok(
        ['api/unauthenticated', 'api/request-malformed'].includes(problem.code),
        `${name}: ${problem.code}`,
      );
    }
    await assert.rejects(as({}).channel(new Uint8Array(16)), { code: 'api/unauthenticated' });
  });

  test('a tenant sees its own Keeps only, and another’s is as unknown as one that never was', async () => {
    const { as, token, withCertificate, host } = setting;
    const a = withCertificate(alice);
    const b = as({ token: await token({ sub: 'bob@example' }) });
    const mine = await a.create();
    const his = await b.create();
    const local = new Client(host.keepmgr.addresses[1] as string);
    assert.deepEqual(
      (await a.list()).map(({ id }) => formatKeepId(id)),
      [formatKeepId(mine.id)],
    );
    assert.deepEqual(
      (await b.list()).map(({ id }) => formatKeepId(id)),
      [formatKeepId(his.id)],
    );
    assert.deepEqual(
      (await b.changes()).keeps.map(({ id }) => formatKeepId(id)),
      [formatKeepId(his.id)],
    );
    assert.equal((await withCertificate(operator).list()).length, 2, 'an operator sees all');
    assert.equal((await local.list()).length, 2, 'as does the user of the machine');
    const never = new Uint8Array(16);
    for (const [method, rest] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/log'],
      ['POST', '/stop'],
      ['POST', '/renew'],
    ] as const) {
      const [other, none] = await Promise.all([
        b.ask(method, path(mine.id, rest)),
        b.ask(method, path(never, rest)),
      ]);
      assert.equal(other.status, 404, `${method} ${rest}`);
      assert.deepEqual(other.body, none.body);
    }
    await assert.rejects(b.channel(mine.id), { code: 'keep/unknown' });
    assert.equal((await a.reaches(mine.id, 'ready', 'failed')).state, 'ready');
    assert.match(await a.tell(mine.id, 'pid'), /^\d+$/, 'a channel over TLS');
    assert.equal(await endFirst(a, mine.id), '5 bytes', 'the last words of a Keep to who has ended');
    const request = new Uint8Array(16).fill(1);
    const first = await a.create('sim', { request });
    const second = await b.create('sim', { request });
    assert.notEqual(formatKeepId(first.id), formatKeepId(second.id), 'request ids are each tenant’s own');
    for (const { id } of await local.list()) await local.remove(id);
  });

  test('a tenant gets what its quota says, and others are not touched by it', async () => {
    const { as, token, withCertificate } = setting;
    const a = withCertificate(alice);
    const made = await Promise.all([a.create(), a.create('sim', { lease: 5000 })]);
    await assert.rejects(a.create(), { code: 'keepmgr/quota', status: 429 });
    assert.ok(
      Math.abs((made[0].expires ?? 0) - made[0].created - 60_000) < 1000,
      'the longest lease, where none is asked for',
    );
    await assert.rejects(a.renew(made[0].id, 60_001), { code: 'keep/lease-too-long' });
    const race = await Promise.allSettled(Array.from({ length: 8 }, () => a.create()));
    assert.ok(
      race.every(({ status }) => status === 'rejected'),
      'a race gains nothing',
    );
    await a.stop(made[1].id);
    const again = await Promise.allSettled(Array.from({ length: 8 }, () => a.create()));
    assert.equal(again.filter(({ status }) => status === 'fulfilled').length, 1);
    const b = as({ token: await token({ sub: 'bob@example' }) });
    const paced = await Promise.allSettled(Array.from({ length: 5 }, () => b.create()));
    const made2 = paced.filter(({ status }) => status === 'fulfilled').length;
    assert.ok(made2 <= 3, `${String(made2)} in one go`);
    for (const client of [a, b]) for (const { id } of await client.list()) await client.remove(id);
  });

  test('tenants neither cordon nor drain the host; operators do', async () => {
    const { withCertificate } = setting;
    for (const what of ['cordon', 'uncordon', 'drain'])
      assert.equal((await withCertificate(alice).problem('POST', `/v1/${what}`)).code, 'api/operators-only');
    assert.equal((await withCertificate(operator).ask('POST', '/v1/cordon')).status, 200);
    assert.equal((await withCertificate(operator).ask('POST', '/v1/uncordon')).status, 200);
  });

  test('a reload takes in tenants and limits, and a bad one changes nothing', async () => {
    const { config, host, withCertificate } = setting;
    await withCertificate(alice).create();
    await assert.rejects(withCertificate(unlisted).list(), { code: 'api/unauthenticated' });
    await host.keepmgr.reload({
      ...config,
      tenants: { ...config.tenants, new: { certificate: unlisted.fingerprint } },
    });
    assert.deepEqual(await withCertificate(unlisted).list(), []);
    assert.equal((await withCertificate(alice).list()).length, 1, 'Keeps stay');
    await assert.rejects(
      host.keepmgr.reload({ ...config, tls: { certificate: '/nonexistent', key: '/nonexistent' } }),
      { code: 'keepmgr/config-invalid' },
    );
    assert.deepEqual(await withCertificate(unlisted).list(), [], 'the last good one counts');
    await host.keepmgr.reload({ ...config, limits: { keeps: 1 } });
    await assert.rejects(withCertificate(unlisted).list(), { code: 'api/unauthenticated' });
    await assert.rejects(withCertificate(alice).create(), { code: 'keepmgr/full' });
    // Of two at once the later counts, however long the earlier takes to be read.
    const slow = new Promise<Configuration>((resolve) =>
      setTimeout(resolve, 100, { ...config, limits: { keeps: 1 } }),
    );
    await Promise.all([host.keepmgr.reload(() => slow), host.keepmgr.reload(config)]);
    assert.equal((await withCertificate(alice).create()).state, 'launching');
    for (const { id } of await withCertificate(alice).list()) await withCertificate(alice).remove(id);
  });

  test('TLS below 1.3 is refused', async () => {
    const { host, authority } = setting;
    const { port } = new URL(host.keepmgr.address);
    const old = connect({
      host: '127.0.0.1',
      port: Number(port),
      ca: authority.root.certificate,
      maxVersion: 'TLSv1.2',
    });
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => old.on('error', resolve));
    assert.match(String(error.code), /^(ERR_SSL|ECONNRESET)/);
  });

  test('a page in a browser is refused here too', async () => {
    const { code } = await setting.withCertificate(alice).problem('POST', '/v1/keeps', {
      headers: { 'content-type': 'application/cbor', origin: 'https://evil.example' },
      body: encodeMessage(createKeep, { tee: 'sim' }),
    });
    assert.equal(code, 'api/cross-site');
  });
});

test('https is refused without a certificate of the host, and without a tenant that could prove who it is', async () => {
  const tls = { certificate: '/a', key: '/b' };
  for (const config of [
    undefined,
    {},
    { tls },
    { tls, tenants: {} },
    { tls, tenants: { a: { certificate: 'ab'.repeat(32) } } },
    { tls, tenants: { a: { subject: 'x' } } },
    {
      tls,
      oidc: { issuer: 'https://i.example', audience: 'a', keys: '/k' },
      tenants: { a: { certificate: 'ab'.repeat(32) } },
    },
  ] as (Configuration | undefined)[]) {
    await assert.rejects(
      startHost({ listen: 'https://0.0.0.0:0', ...(config === undefined ? {} : { config }) }),
      {
        code: 'keepmgr/listen-refused',
      },
    );
  }
});

test('a configuration says which key is wrong and is refused as a whole', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-config-'));
  const file = join(directory, 'keepmgr.toml');
  for (const [text, found] of [
    ['lsten = []', /lsten: no key here; docs\/keepmgr-config\.md/],
    ['listen = []', /listen/],
    ['listen = "http://127.0.0.1:1"', /listen/],
    ['[limits]\nkeeps = 0', /limits\.keeps/],
    ['[limits]\nkeep = 5', /limits\.keep/],
    ['[limits]\nkeeps = "many"', /limits\.keeps/],
    ['[tls]\nkey = "k"', /tls\.certificate: must be there/],
    ['[tenants.local]\nsubject = "x"', /tenants\.local/],
    ['[tenants.a]\nkeeps = 1', /tenants\.a/],
    ['[tenants."../a"]\nsubject = "x"', /tenants/],
    ['[tenants.a]\nsubject = "x"\n[tenants.b]\nsubject = "x"', /same subject/],
    ['[tenants.a]\ncertificate = "AB"', /tenants\.a\.certificate/],
    ['[oidc]\nissuer = "nowhere"', /oidc/],
    ['a = 1\na = 2', /a/],
    ['not toml', /keepmgr\.toml/],
  ] as const) {
    writeFileSync(file, text);
    await assert.rejects(readConfiguration(file), (error: { code: string; found: string }) => {
      assert.equal(error.code, 'keepmgr/config-invalid');
      assert.match(error.found, found, text);
      return true;
    });
  }
  await assert.rejects(readConfiguration(join(directory, 'absent')), { code: 'keepmgr/config-invalid' });
  writeFileSync(file, '[tls]\ncertificate = "host.pem"\nkey = "/etc/host.key"\n[limits]\nkeeps = 9\n');
  const config = await readConfiguration(file);
  assert.deepEqual(config.tls, { certificate: join(directory, 'host.pem'), key: '/etc/host.key' });
  assert.equal(config.limits?.keeps, 9);
  assert.deepEqual(checked({}, '/'), {});
  rmSync(directory, { recursive: true });
});

test('every key of the configuration is described', () => {
  for (const { key, text } of configurationRows()) assert.ok(text.length > 10, key);
  assert.ok(configurationRows().some(({ key }) => key === 'tenants.NAME.longestLease'));
});

/** Ends its own side, and hears what comes then. */
async function endFirst(client: Client, id: Uint8Array): Promise<string> {
  const socket = await client.channel(id);
  socket.end('after-end\nabcde');
  return Buffer.from(await collect(socket)).toString();
}
