// SPDX-License-Identifier: Apache-2.0
//
// `enarx run` of a component that answers HTTP requests: over the Keep's TLS, with a client that takes no other key than the attested one.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, type X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TLSSocket } from 'node:tls';

import { events, start, type Running } from './support/enarx.ts';
import { nothingRunsIn } from './support/processes.ts';
import { sandbox, type DisposableSandbox } from './support/sandbox.ts';

const handler = join(import.meta.dirname, '..', 'examples', 'handler', 'handler.component.wasm');
const noOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'needs openssl';
let box: DisposableSandbox;

before(async () => {
  box = await sandbox();
});
after(async () => {
  await nothingRunsIn(box.root);
  box[Symbol.dispose]();
});

test('the ready-made components have the digests that stand beside them', () => {
  const fixtures = join(import.meta.dirname, '..', 'packages', 'runtime', 'test', 'component', 'rust');
  for (const [directory, list] of [
    [join(handler, '..'), 'handler.component.wasm.sha256'],
    [fixtures, 'SHA256SUMS'],
  ] as const) {
    const lines = readFileSync(join(directory, list), 'utf8').trim().split('\n');
    assert.ok(lines.length > 0);
    for (const line of lines) {
      const [digest, name = ''] = line.split(/\s+/);
      assert.equal(
        createHash('sha256')
          .update(readFileSync(join(directory, name)))
          .digest('hex'),
        digest,
      );
    }
  }
});

interface Served extends AsyncDisposable {
  readonly port: number;
  readonly key: string;
  readonly running: Running;
}

async function served(args: readonly string[]): Promise<Served> {
  const running = start(box, ['run', '--json', ...args, handler]);
  running.stdin.end();
  const place = () => events(running.text('stderr')).find(({ event }) => event === 'listening');
  while (place() === undefined && running.child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 50));
  const found = place();
  assert.ok(found !== undefined, running.text('stderr'));
  return {
    port: Number(found['port']),
    key: String(found['key']),
    running,
    [Symbol.asyncDispose]: async () => {
      running.child.kill('SIGTERM');
      await running.ended;
    },
  };
}

/** One request; the connection is given up before it is sent where the other end has another key. */
async function ask(
  { port, key }: Pick<Served, 'port' | 'key'>,
  path: string,
  body?: Uint8Array,
): Promise<{ readonly status: number; readonly body: Buffer }> {
  const agent = new Agent({ keepAlive: false });
  try {
    const sending = request({
      agent,
      port,
      host: '127.0.0.1',
      path,
      method: body === undefined ? 'GET' : 'POST',
      // No authority vouches for the key: the attested digest does.
      rejectUnauthorized: false,
    });
    sending.on('error', () => undefined);
    const [socket] = (await once(sending, 'socket')) as [TLSSocket];
    await once(socket, 'secureConnect');
    const { publicKey } = socket.getPeerX509Certificate() as X509Certificate;
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    if (createHash('sha256').update(spki).digest('hex') !== key) throw new Error('another key');
    sending.end(body);
    const [message] = (await once(sending, 'response')) as [NodeJS.ReadableStream & { statusCode: number }];
    const pieces: Buffer[] = [];
    for await (const piece of message) pieces.push(piece as Buffer);
    return { status: message.statusCode, body: Buffer.concat(pieces) };
  } finally {
    agent.destroy();
  }
}

test('a component in Rust answers over the TLS of the Keep, whose key is the attested one', async () => {
  await using keep = await served(['--listen', '127.0.0.1:0']);
  assert.deepEqual(await ask(keep, '/'), { status: 200, body: Buffer.from('Hello from inside the Keep.\n') });
  const sent = Buffer.alloc(1_000_000, 'into the Keep and back. ');
  const echoed = await ask(keep, '/echo', sent);
  assert.equal(Buffer.compare(echoed.body, sent), 0);
  assert.equal((await ask(keep, '/nothing')).status, 404);
  const many = await Promise.all(Array.from({ length: 40 }, () => ask(keep, '/')));
  assert.ok(many.every(({ status }) => status === 200));
  await assert.rejects(ask({ port: keep.port, key: '00'.repeat(32) }, '/'), /another key/);
});

test(
  'its own requests go out over the TLS of the Keep, to whom the configuration trusts',
  { skip: noOpenssl },
  async () => {
    const [key, cert] = [box.path('key.pem'), box.path('cert.pem')];
    const made = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...['-keyout', key, '-out', cert, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
    ]);
    assert.equal(made.status, 0, made.stderr.toString());
    const there = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (message, response) => {
      response.end(`asked for ${message.url ?? ''} of ${message.headers.host ?? ''}`);
    });
    there.listen(0, '127.0.0.1');
    await once(there, 'listening');
    const { port } = there.address() as AddressInfo;
    const config = (trust: string): string => {
      const streams = ['null', 'stdout', 'stderr'].map((kind) => `[[files]]\nkind = "${kind}"\n`).join('');
      const listen = '[[files]]\nkind = "listen"\nname = "https"\nport = 0\n';
      const connect = `[[files]]\nkind = "connect"\nhost = "localhost"\nport = ${String(port)}\n${trust}`;
      const file = box.path(`Enarx-${String(trust.length)}.toml`);
      writeFileSync(file, `${streams}${listen}${connect}\n[env]\nUPSTREAM = "localhost:${String(port)}"\n`);
      return file;
    };
    try {
      await using keep = await served(['--config', config('trust = ["cert.pem"]\n')]);
      for (const path of ['/upstream/a?b', '/upstream/c'])
        assert.deepEqual(await ask(keep, path), {
          status: 200,
          body: Buffer.from(`asked for ${path.slice('/upstream'.length)} of localhost:${String(port)}`),
        });
      // Nobody else is called.
      await using other = await served(['--listen', '127.0.0.1:0', '--env', 'UPSTREAM=localhost:1']);
      const refused = await ask(other, '/upstream/');
      assert.deepEqual(
        [refused.status, (JSON.parse(refused.body.toString()) as { code: string }).code],
        [403, 'HTTP-request-denied'],
      );
    } finally {
      there.closeAllConnections();
      there.close();
    }
  },
);
