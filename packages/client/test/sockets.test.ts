// SPDX-License-Identifier: Apache-2.0
//
// Servers and clients in real Keeps: from a client on the network over the host's relay and the Keep's TLS into the program, and back.
import assert from 'node:assert/strict';
import { X509Certificate, createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import {
  createServer as createTcpServer,
  connect as connectTcp,
  type AddressInfo,
  type Server,
} from 'node:net';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';

import {
  createIdentity,
  moduleFromBytes,
  type AttestedKeep,
  type RunningProgram,
  type Workload,
} from '@enarx/client';
import type { File } from '@enarx/protocol';

import { readAll, readExactly } from '../../../test/support/loopback-network.ts';
import { makeCertificate, type OwnCertificate } from '../../channel/src/certificate.ts';
import { startTestHost, type TestHost } from './support/host.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const examples = (name: string): Uint8Array => readFileSync(join(root, 'examples', name, `${name}.wasm`));
const connector = readFileSync(join(root, 'test', 'programs', 'sockets.wasm'));
const owner = await createIdentity();

let host: TestHost;
before(async () => {
  host = await startTestHost({
    sockets: { listen: ['127.0.0.1:*'], dial: ['127.0.0.1:*', 'localhost:*', 'name.invalid:*', '*:443'] },
  });
});
after(async () => {
  await host[Symbol.asyncDispose]();
});

interface Delivered extends AsyncDisposable {
  readonly keep: AttestedKeep<'deliver'>;
  readonly program: RunningProgram;
  /** What it has printed. */
  text(): string;
}

async function deliver(module: Uint8Array, more: Partial<Workload>, on: TestHost = host): Promise<Delivered> {
  const keep = await on.host.createKeep({ tee: 'sim' });
  const attested = await (await keep.open({ identity: owner })).attest({ purpose: 'deliver', ...on.trust });
  const printed: Uint8Array[] = [];
  try {
    const program = await attested.deliver({
      module: moduleFromBytes(module),
      args: ['main.wasm'],
      stdout: (chunk) => void printed.push(chunk),
      stderr: (chunk) => void printed.push(chunk),
      ...more,
    });
    program.ended.catch(() => undefined);
    return {
      keep: attested,
      program,
      text: () => Buffer.concat(printed).toString(),
      [Symbol.asyncDispose]: async () => {
        program.leave();
        await keep.remove();
      },
    };
  } catch (error) {
    await keep.remove();
    throw error;
  }
}

const streams: readonly File[] = [{ kind: 'null' }, { kind: 'stdout' }, { kind: 'stderr' }];
const listenTls: File = { kind: 'listen', prot: 'tls', port: 0 };

async function serving(
  name: string,
  listener: File = listenTls,
  args: readonly string[] = [],
): Promise<Delivered & { readonly port: number }> {
  const delivered = await deliver(examples(name), {
    args: [`${name}.wasm`, ...args],
    env: [['FD_NAMES', `null:stdout:stderr:${name}`]],
    files: [...streams, listener],
  });
  const [listening] = delivered.program.listening;
  assert.ok(listening);
  assert.deepEqual([listening.file, listening.address], [3, '127.0.0.1']);
  return { ...delivered, port: listening.port };
}

async function tlsClient(port: number, options: object = {}): Promise<TLSSocket> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

function certificate(
  dnsName: string,
  usage: 'serverAuth' | 'clientAuth' = 'serverAuth',
): Promise<OwnCertificate> {
  const at = Date.now();
  return makeCertificate({
    commonName: dnsName,
    dnsName,
    usage,
    notBefore: at - 60_000,
    notAfter: at + 3_600_000,
  });
}

suite('a listener', () => {
  test('shows the key that the Keep was attested with, in a TLS 1.3 handshake and no other', async () => {
    await using server = await serving('echo');
    const socket = await tlsClient(server.port);
    const { publicKey } = new X509Certificate(socket.getPeerCertificate().raw);
    const digest = createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest();
    assert.deepEqual(digest, Buffer.from(server.keep.keepKey));
    assert.equal(socket.getProtocol(), 'TLSv1.3');
    socket.end('to the Keep alone');
    assert.equal((await readAll(socket)).toString(), 'to the Keep alone');
    await assert.rejects(tlsClient(server.port, { maxVersion: 'TLSv1.2' }), {
      code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    });
  });

  test('takes up no session again, which would not show the key', async () => {
    await using server = await serving('echo');
    const socket = await tlsClient(server.port);
    const session = once(socket, 'session') as Promise<[Buffer]>;
    socket.write('x');
    await readExactly(socket, 1);
    const again = await tlsClient(server.port, { session: (await session)[0] });
    assert.equal(again.isSessionReused(), false);
    assert.ok(again.getPeerCertificate().raw.length > 0);
    socket.destroy();
    again.destroy();
  });

  test('carries megabytes to many clients at once, and each end of a connection by itself', async () => {
    await using server = await serving('echo');
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const sent = randomBytes(1_048_576);
        const socket = await tlsClient(server.port, { allowHalfOpen: true });
        socket.end(sent);
        assert.equal(Buffer.compare(await readAll(socket), sent), 0);
      }),
    );
  });

  test('asks for client certificates where authorities are given, and lets nobody else in', async () => {
    const known = await certificate('client.example', 'clientAuth');
    const other = await certificate('client.example', 'clientAuth');
    await using server = await serving('echo', { ...listenTls, clients: [known.certificate] });
    const shown = ({ key, certificate: cert }: OwnCertificate): object => ({ key, cert });
    const socket = await tlsClient(server.port, shown(known));
    socket.end('let in');
    assert.equal((await readAll(socket)).toString(), 'let in');
    for (const refused of [{}, shown(other)]) {
      // In TLS 1.3 a client learns of it after its own handshake.
      const stranger = await tlsClient(server.port, refused);
      stranger.write('x');
      assert.equal((await readAll(stranger).catch(() => Buffer.alloc(0))).length, 0);
    }
  });

  test('serves plain TCP where that is asked for', async () => {
    await using server = await serving('echo', { kind: 'listen', prot: 'tcp', port: 0 });
    const socket = connectTcp({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end('in the clear');
    assert.equal((await readAll(socket)).toString(), 'in the clear');
  });

  test('outlives clients that speak no TLS, say nothing, or are reset', async () => {
    await using server = await serving('echo');
    const clients = Array.from({ length: 30 }, (_, index) => {
      const socket = connectTcp({ port: server.port, host: '127.0.0.1' });
      socket.on('error', () => undefined);
      if (index % 3 === 0) socket.write('GET / HTTP/1.1\r\n\r\n');
      if (index % 3 === 1) socket.once('connect', () => socket.resetAndDestroy());
      return socket;
    });
    const socket = await tlsClient(server.port);
    socket.end('still there');
    assert.equal((await readAll(socket)).toString(), 'still there');
    for (const client of clients) client.destroy();
  });

  test('is not worn out by handshakes that fail', async () => {
    await using server = await serving('echo');
    for (let round = 0; round < 10; round += 1)
      await Promise.all(
        Array.from({ length: 30 }, async () => {
          const socket = connectTcp({ port: server.port, host: '127.0.0.1' });
          socket.on('error', () => undefined).write('GET / HTTP/1.1\r\n\r\n');
          socket.resume();
          await once(socket, 'close');
        }),
      );
    const socket = await tlsClient(server.port);
    socket.end('still there');
    assert.equal((await readAll(socket)).toString(), 'still there');
  });

  test('takes hundreds of connections in sequence', async () => {
    await using server = await serving('echo');
    for (let i = 0; i < 300; i += 1) {
      const socket = await tlsClient(server.port);
      socket.end('x');
      assert.equal((await readAll(socket)).toString(), 'x');
    }
  });

  test('is gone with its program, whose last bytes still arrive', async () => {
    await using server = await serving('echo', listenTls, ['1']);
    const sent = randomBytes(500_000);
    const socket = await tlsClient(server.port, { allowHalfOpen: true });
    socket.end(sent);
    assert.equal(Buffer.compare(await readAll(socket), sent), 0);
    assert.deepEqual(await server.program.ended, { how: 'exit', code: 0 });
    await assert.rejects(tlsClient(server.port), ({ code }: NodeJS.ErrnoException) =>
      // The host closes it when the Keep says so, which is a moment later.
      ['ECONNREFUSED', 'ECONNRESET'].includes(code ?? ''),
    );
  });

  test('of an HTTP server on mio answers a client of HTTP', async () => {
    await using server = await serving('http');
    const url = `https://127.0.0.1:${String(server.port)}`;
    const get = async (path: string, content?: string): Promise<string> => {
      const sent = request(`${url}${path}`, {
        method: content === undefined ? 'GET' : 'POST',
        rejectUnauthorized: false,
      });
      sent.end(content);
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      const body: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) body.push(chunk);
      return Buffer.concat(body).toString();
    };
    assert.equal(await get('/'), 'Hello from a Keep.\n');
    assert.equal(await get('/echo', 'a body'), 'a body');
    assert.equal((await get('/bytes/2000000')).length, 2_000_000);
  });

  test('of a chat server on tokio carries what one client says to the others', async () => {
    await using server = await serving('chat');
    const enter = async (name: string): Promise<TLSSocket> => {
      const socket = await tlsClient(server.port);
      await readExactly(socket, 'Your name? '.length);
      socket.write(`${name}\n`);
      return socket;
    };
    const alice = await enter('alice');
    alice.write('first\n');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const bob = await enter('bob');
    assert.equal((await readExactly(alice, 14)).toString(), '* bob is here\n');
    bob.write('hello\n');
    assert.equal((await readExactly(alice, 11)).toString(), 'bob: hello\n');
    bob.end();
    assert.equal((await readExactly(alice, 15)).toString(), '* bob has left\n');
    alice.destroy();
  });
});

/** Seconds: a moment in every run, half an hour where ENARX_LONG is set. */
const soak = process.env['ENARX_LONG'] === '1' ? 1800 : 3;

test(`an echo server keeps serving for ${String(soak)} seconds, whatever its clients do`, async () => {
  await using server = await serving('echo');
  const until = performance.now() + soak * 1000;
  let served = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      const sent = randomBytes(Math.floor(Math.random() * 100_000) + 1);
      const socket = await tlsClient(server.port, { allowHalfOpen: true });
      socket.on('error', () => undefined);
      if (Math.random() < 0.2) {
        // Gone in the middle, with what it had asked for still on its way.
        socket.write(sent);
        socket.destroy();
        continue;
      }
      socket.end(sent);
      assert.equal(Buffer.compare(await readAll(socket), sent), 0);
      served += 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  assert.ok(served > soak, `${String(served)} served`);
});

suite('a connection to elsewhere', () => {
  async function answering(
    own: OwnCertificate,
    more: object = {},
  ): Promise<{ readonly server: Server; readonly port: number }> {
    const server = createTlsServer(
      { key: own.key, cert: own.certificate, allowHalfOpen: true, ...more },
      (socket) => {
        void readAll(socket).then(
          (question) => socket.end(`answer to ${question.toString()}`),
          () => undefined,
        );
      },
    );
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server, port: (server.address() as AddressInfo).port };
  }

  const connecting = (file: File): Partial<Workload> => ({
    args: ['main.wasm', 'fetch', 'a question'],
    files: [...streams, file],
  });

  test('is encrypted for whoever is trusted for the name', async () => {
    const own = await certificate('localhost');
    const { server, port } = await answering(own);
    await using client = await deliver(
      connector,
      connecting({ kind: 'connect', prot: 'tls', host: 'localhost', port, trust: [own.certificate] }),
    );
    assert.deepEqual(await client.program.ended, { how: 'exit', code: 0 });
    assert.equal(client.text(), 'answer to a question');
    server.close();
  });

  test('to somebody who cannot prove that name is refused before the program starts', async () => {
    const own = await certificate('localhost');
    const other = await certificate('elsewhere.example');
    const { server, port } = await answering(own);
    const misnamed = await answering(other);
    const to = (at: number, trust: 'public' | string[]): Partial<Workload> =>
      connecting({ kind: 'connect', prot: 'tls', host: 'localhost', port: at, trust });
    for (const [workload, code] of [
      [to(port, 'public'), 'network/tls-untrusted'],
      [to(port, [other.certificate]), 'network/tls-untrusted'],
      [to(misnamed.port, [other.certificate]), 'network/tls-untrusted'],
      [to(port, ['no certificate']), 'network/certificates-unreadable'],
    ] as const)
      await assert.rejects(deliver(connector, workload), { code });
    server.close();
    misnamed.server.close();
  });

  test('to somebody who speaks no TLS 1.3 is refused, too', async () => {
    const own = await certificate('localhost');
    const old = await answering(own, { maxVersion: 'TLSv1.2' });
    const plain = createTcpServer((socket) => socket.end('220 ready\r\n')).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    for (const port of [old.port, (plain.address() as AddressInfo).port])
      await assert.rejects(
        deliver(
          connector,
          connecting({ kind: 'connect', prot: 'tls', host: 'localhost', port, trust: [own.certificate] }),
        ),
        { code: 'network/tls-failed' },
      );
    old.server.close();
    plain.close();
  });

  test('to nobody, and to a name that there is not, says so', async () => {
    const unused = createTcpServer().listen(0, '127.0.0.1');
    await once(unused, 'listening');
    const { port } = unused.address() as AddressInfo;
    unused.close();
    for (const at of ['127.0.0.1', 'name.invalid'])
      await assert.rejects(deliver(connector, connecting({ kind: 'connect', prot: 'tcp', host: at, port })), {
        code: 'network/dial-failed',
      });
  });
});

suite('the operator of the host', () => {
  const refused = { code: 'network/not-allowed' };
  const listening = (file: File): Partial<Workload> => ({ files: [...streams, file] });

  test('has said nothing: no program listens or is connected', async () => {
    await using closed = await startTestHost();
    await assert.rejects(deliver(examples('echo'), listening(listenTls), closed), refused);
    await assert.rejects(
      deliver(connector, listening({ kind: 'connect', prot: 'tcp', host: '127.0.0.1', port: 80 }), closed),
      refused,
    );
  });

  test('has allowed an address: another is refused', async () => {
    await assert.rejects(
      deliver(examples('echo'), listening({ kind: 'listen', prot: 'tcp', address: '::', port: 0 })),
      refused,
    );
  });

  test('has allowed every public address: a private one is refused, whatever name it has', async () => {
    await assert.rejects(
      deliver(connector, listening({ kind: 'connect', prot: 'tcp', host: '127.0.0.2', port: 443 })),
      refused,
    );
    await assert.rejects(
      deliver(connector, listening({ kind: 'connect', prot: 'tcp', host: '169.254.169.254', port: 443 })),
      refused,
    );
  });

  test('has somebody else on that port: the program is not started', async () => {
    const taken = createTcpServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    await assert.rejects(deliver(examples('echo'), listening({ kind: 'listen', prot: 'tcp', port })), {
      code: 'network/listen-failed',
    });
    taken.close();
  });
});
