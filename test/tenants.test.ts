// SPDX-License-Identifier: Apache-2.0
//
// A host on the network, with TLS and two tenants, and the command as each of them uses it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';

import { exportJWK, generateKeyPair, SignJWT } from 'jose';

import { Authority, type Issued } from '../packages/keepmgr/test/support/authority.ts';
import { enarx, errorCode, events, startHost, type Result, type TestHost } from './support/enarx.ts';
import { eventually, nothingRunsIn } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { sandbox, type DisposableSandbox } from './support/sandbox.ts';

const openssl = spawnSync('openssl', ['version']).status === 0;
const hello = join(import.meta.dirname, '..', 'examples', 'hello', 'hello.wasm');
const issuer = 'https://issuer.example';

let box: DisposableSandbox;
let bobsBox: DisposableSandbox;
let host: TestHost;
let authority: Authority;
let others: Authority;
let alice: Issued;
let unlisted: Issued;
let url: string;
let bobsToken: string;
let sign: (claims: Record<string, unknown>, expires?: number) => Promise<string>;
/** Everything that the command and the host have said in this file. */
let said = '';

/** The command as alice, who has a certificate. */
async function asAlice(...[noun = '', ...args]: readonly string[]): Promise<Result> {
  return noted(enarx(box, [...noun.split(' '), ...access(alice), ...args], { input: 'a line' }));
}

/** The command as bob, who has a token, and names everything in his environment. */
async function asBob(...[noun = '', ...args]: readonly string[]): Promise<Result> {
  const env = { ENARX_HOST: url, ENARX_HOST_CA: authority.root.certificateFile, ENARX_HOST_TOKEN: bobsToken };
  return noted(enarx(bobsBox, [...noun.split(' '), ...args], { input: 'a line', env }));
}

async function noted(running: Promise<Result>): Promise<Result> {
  const result = await running;
  said += `${result.stdout}${result.stderr}`;
  return result;
}

const atHost = (): string[] => ['--host', url, '--host-ca', authority.root.certificateFile];
const access = ({ certificateFile, keyFile }: Issued): string[] => [
  ...atHost(),
  ...['--host-cert', certificateFile, '--host-key', keyFile],
];

function ok(result: Result, status = 0): Result {
  assert.equal(result.status, status, result.stderr);
  return result;
}

describe('a host on the network', { skip: !openssl && 'needs openssl', concurrency: 1 }, () => {
  before(async () => {
    box = await sandbox();
    bobsBox = await sandbox();
    authority = new Authority(box.root, 'ours');
    others = new Authority(box.root, 'theirs');
    const server = authority.issue('server', 'subjectAltName=IP:127.0.0.1');
    alice = authority.issue('alice');
    unlisted = authority.issue('unlisted');
    const keys = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(keys.publicKey)), alg: 'ES256', kid: 'one' };
    writeFileSync(box.path('jwks.json'), JSON.stringify({ keys: [jwk] }));
    sign = (claims, expires = 600) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .setIssuer(issuer)
        .setAudience('enarx')
        .setExpirationTime(Math.floor(Date.now() / 1000) + expires)
        .sign(keys.privateKey);
    bobsToken = await sign({ sub: 'bob@example' });
    const config = box.path('keepmgr.toml');
    writeFileSync(
      config,
      `[tls]
certificate = ${JSON.stringify(server.certificateFile)}
key = ${JSON.stringify(server.keyFile)}
clientAuthorities = ${JSON.stringify(authority.root.certificateFile)}
[oidc]
issuer = "${issuer}"
audience = "enarx"
keys = "jwks.json"
[tenants.alice]
certificate = "${alice.fingerprint}"
[tenants.bob]
subject = "bob@example"
`,
    );
    host = await startHost(box, { listen: 'https://127.0.0.1:0', config });
    url = host.url;
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    await nothingRunsIn(box.root);
    box[Symbol.dispose]();
    bobsBox[Symbol.dispose]();
  });

  test('every command of a Keep works over TLS for a tenant with a certificate', async () => {
    const anchor = ['--anchor', host.anchor];
    ok(await asAlice('platform'));
    const id = ok(await asAlice('keep create')).stdout.trim();
    assert.match(ok(await asAlice('keep ls')).stdout, new RegExp(id));
    assert.match(ok(await asAlice('keep show', id)).stdout, new RegExp(id));
    assert.match(ok(await asAlice('keep attest', ...anchor, id)).stdout, /^accepted \(SIMULATED\)/);
    ok(await asAlice('keep run', '--detach', ...anchor, id, hello));
    assert.match(ok(await asAlice('keep attach', ...anchor, id)).stdout, /line 1: a line/);
    assert.match(ok(await asAlice('keep logs', id)).stdout, /claimed/);
    ok(await asAlice('keep stop', id));
    ok(await asAlice('keep rm', id));
    const ran = ok(await asAlice('run', ...anchor, hello, '--', '--exit=3'), 3);
    assert.match(ran.stdout, /^line 1: a line$/m);
  });

  test('more than any buffer holds goes both ways through both layers of TLS', async () => {
    const file = box.path('echo.wasm');
    writeFileSync(file, programs.echo());
    const input = 'x'.repeat(4 * 1_048_576);
    const args = ['run', ...access(alice), '--anchor', host.anchor, file];
    const { stdout } = ok(await enarx(box, args, { input }));
    assert.ok(stdout === input, `${String(stdout.length)} characters came back`);
  });

  test('the owner of a launch secret takes part in the launch over TLS', async () => {
    // The platform is made with the first Keep, whose launch is refused as long as nobody names its root.
    ok(await asAlice('keep create', '--tee', 'sim-sev'), 10);
    const anchor = join(host.state, 'sev-anchor.pem');
    await eventually('the platform is made', () => existsSync(anchor));
    const ran = ok(await asAlice('run', '--tee', 'sim-sev', '--anchor', anchor, hello));
    assert.match(ran.stdout, /^line 1: a line$/m);
    ok(await asAlice('keep rm', '--all'));
  });

  test('a tenant with a token runs a program, and everything that it needs stands in its environment', async () => {
    const ran = ok(await asBob('run', '--anchor', host.anchor, hello));
    assert.match(ran.stdout, /^line 1: a line$/m);
    ok(await asBob('platform'));
  });

  test('neither of two tenants sees the other, whatever it asks', async () => {
    const anchor = ['--anchor', host.anchor];
    // The Keep of a run goes a moment after the run.
    for (const ask of [asAlice, asBob])
      await eventually('there are none', async () => (await ask('keep ls', '--json')).stdout === '[]\n');
    const hers = ok(await asAlice('keep create')).stdout.trim();
    const his = ok(await asBob('keep create')).stdout.trim();
    for (const [ask, mine, theirs] of [
      [asAlice, hers, his],
      [asBob, his, hers],
    ] as const) {
      const listed = JSON.parse(ok(await ask('keep ls', '--json')).stdout) as { id: string }[];
      assert.deepEqual(
        listed.map(({ id }) => id),
        [mine],
      );
      for (const command of ['keep show', 'keep logs', 'keep stop', 'keep rm'])
        assert.equal(errorCode(await ask(command, '--json', theirs)), 'keep/unknown', command);
      assert.equal(errorCode(await ask('keep attest', '--json', ...anchor, theirs)), 'keep/unknown');
      // And it is no other answer than for a Keep that never was, but for the number that each request has.
      const [other, never] = await Promise.all([
        ask('keep show', '--json', theirs),
        ask('keep show', '--json', '0'.repeat(32)),
      ]);
      const numberless = (text: string): string => text.replace(/"request":"[0-9a-f]{16}"/, '"request":"…"');
      assert.equal(numberless(other.stderr), numberless(never.stderr));
    }
    // `rm --all` is all of one's own.
    ok(await asAlice('keep rm', '--all'));
    assert.match(ok(await asBob('keep ls')).stdout, new RegExp(his));
    ok(await asBob('keep rm', '--all'));
  });

  describe('what goes wrong has a code of its own', { concurrency: 2 }, () => {
    const listing = async (args: readonly string[], env: Record<string, string> = {}): Promise<Result> =>
      noted(enarx(box, ['keep', 'ls', '--json', ...args], { env }));

    async function failsWith(code: string, result: Promise<Result>, status: number): Promise<void> {
      const ended = await result;
      assert.equal(errorCode(ended), code, ended.stderr);
      assert.equal(ended.status, status);
      assert.equal(ended.stdout, '');
    }

    test('an authority that is not the host’s, or none', async () => {
      const other = ['--host-ca', others.root.certificateFile];
      await failsWith('client/host-untrusted', listing(['--host', url, ...other]), 69);
      await failsWith('client/host-untrusted', listing(['--host', url]), 69);
    });

    test('another name than the certificate’s', async () => {
      const elsewhere = url.replace('127.0.0.1', 'localhost');
      await failsWith(
        'client/host-name',
        listing(['--host', elsewhere, '--host-ca', authority.root.certificateFile]),
        69,
      );
    });

    test('a certificate of the host that has expired, and a program stays where it is', async () => {
      const expired = authority.issue('expired', 'subjectAltName=IP:127.0.0.1', -1);
      let received = 0;
      const server = createTlsServer({ cert: expired.certificate, key: expired.key }, (socket) => {
        socket.on('data', ({ length }: Buffer) => (received += length)).on('error', () => undefined);
      });
      await using at = await listening(server);
      const args = ['--host', at.url, '--host-ca', authority.root.certificateFile];
      await failsWith('client/host-certificate-time', listing(args), 69);
      const ran = noted(enarx(box, ['run', '--json', ...args, hello]));
      await failsWith('client/host-certificate-time', ran, 243);
      assert.equal(received, 0);
    });

    test('no TLS there, or an old one', async () => {
      const plain = createServer((socket) => socket.on('error', () => undefined).end('hello\r\n'));
      await using at = await listening(plain);
      await failsWith('client/host-tls', listing(['--host', at.url]), 69);
      const old = createTlsServer({ cert: alice.certificate, key: alice.key, maxVersion: 'TLSv1.2' });
      await using before13 = await listening(old);
      await failsWith('client/host-tls', listing(['--host', before13.url]), 69);
    });

    test('nothing that says who one is', async () => {
      await failsWith('client/credentials-missing', listing(atHost()), 10);
    });

    test('a certificate that the host does not know, one that expired, and one that a stricter host refuses', async () => {
      await failsWith('api/unauthenticated', listing(access(unlisted)), 10);
      const over = authority.issue('alice-of-yesterday', undefined, -1);
      await failsWith('client/certificate-expired', listing(access(over)), 10);
      const server = createTlsServer({
        cert: readFileSync(box.path('ours-server.pem')),
        key: readFileSync(box.path('ours-server.key')),
        ca: others.root.certificate,
        requestCert: true,
        rejectUnauthorized: true,
      });
      await using strict = await listening(server);
      const ca = ['--host', strict.url, '--host-ca', authority.root.certificateFile];
      await failsWith('client/certificate-refused', listing(ca), 10);
    });

    test('a token that has expired, one of nobody’s, one that is none, and one that is replaced', async () => {
      const file = box.path('token');
      const withToken = (): Promise<Result> => listing([...atHost(), '--host-token-file', file]);
      writeFileSync(file, await sign({ sub: 'bob@example' }, -3600));
      await failsWith('client/token-expired', withToken(), 10);
      writeFileSync(file, await sign({ sub: 'mallory@example' }));
      await failsWith('api/unauthenticated', withToken(), 10);
      writeFileSync(file, `${bobsToken}\n${bobsToken}`);
      await failsWith('client/access-unusable', withToken(), 64);
      writeFileSync(file, '');
      await failsWith('client/access-unusable', withToken(), 64);
      writeFileSync(file, `${bobsToken}\n`);
      ok(await withToken());
    });

    test('a tenant that asks for what operators may', async () => {
      // No command of this release asks for it, so the client package does.
      const { HostApi } = await import('../packages/client/src/host-api.ts');
      const { managerInfo } = await import('@enarx/protocol');
      const api = new HostApi({
        url,
        access: { authorities: authority.root.certificate, certificate: alice.certificate, key: alice.key },
      });
      await assert.rejects(api.post('/v1/cordon', managerInfo, 200), {
        code: 'api/operators-only',
        by: 'host',
        status: 403,
      });
      api.close();
    });

    test('files that cannot be used, before anything is sent', async () => {
      const { certificateFile, keyFile } = alice;
      const refusals: readonly (readonly [string, readonly string[]])[] = [
        ['cli/file-unreadable', [...atHost(), '--host-token-file', box.path('nothing')]],
        ['cli/file-unreadable', ['--host', url, '--host-ca', box.path('nothing')]],
        ['client/access-unusable', ['--host', url, '--host-ca', keyFile]],
        ['client/access-unusable', [...atHost(), '--host-cert', certificateFile]],
        ['client/access-unusable', [...atHost(), '--host-key', keyFile]],
        [
          'client/access-unusable',
          [...atHost(), '--host-cert', certificateFile, '--host-key', unlisted.keyFile],
        ],
        ['client/access-insecure', ['--host', 'http://127.0.0.1:1', '--host-token-file', keyFile]],
        ['client/access-insecure', ['--host', 'unix:/nowhere', '--host-ca', certificateFile]],
        ['cli/usage', ['--host-token-file', keyFile]],
        ['client/address-invalid', ['--host', url.replace('//', '//user:word@')]],
        ['client/address-invalid', ['--host', `${url}/path`]],
      ];
      for (const [code, args] of refusals) await failsWith(code, listing(args), 64);
    });

    test('credentials of the environment stay with the host of the environment', async () => {
      let received = '';
      const server = createTlsServer(
        { cert: readFileSync(box.path('ours-server.pem')), key: readFileSync(box.path('ours-server.key')) },
        (socket) => {
          socket
            .on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
            .on('error', () => undefined);
          socket.end('HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n');
        },
      );
      await using other = await listening(server);
      const env = {
        ENARX_HOST: url,
        ENARX_HOST_CA: authority.root.certificateFile,
        ENARX_HOST_TOKEN: bobsToken,
      };
      await listing(['--host', other.url, '--host-ca', authority.root.certificateFile], env);
      assert.match(received, /^GET \/v1\/keeps HTTP/);
      assert.doesNotMatch(received, /authorization/i);
      // It is used where it belongs.
      ok(await listing([], env));
      const both = { ...env, ENARX_HOST_TOKEN_FILE: box.path('token') };
      await failsWith('cli/usage', listing([], both), 64);
    });
  });

  test('no token and no key stands in anything that the command or the host has said', () => {
    const all = `${said}${host.log()}`;
    assert.ok(events(all).length > 10);
    const [, body = ''] = alice.key.split('\n');
    const [, payload = '', signature = ''] = bobsToken.split('.');
    for (const secret of [body, payload, signature]) {
      assert.ok(secret.length > 20);
      assert.ok(!all.includes(secret));
    }
  });
});

async function listening(server: Server): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)));
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
