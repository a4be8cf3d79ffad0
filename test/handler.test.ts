// SPDX-License-Identifier: Apache-2.0
//
// `enarx run` of a component that answers HTTP requests: over the Keep's TLS, with a client that takes no other key than the attested one.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { nothingRunsIn } from './support/processes.ts';
import { sandbox, type DisposableSandbox } from './support/sandbox.ts';
import { ask, served } from './support/served-handler.ts';

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

test('a component in Rust answers over the TLS of the Keep, whose key is the attested one', async () => {
  await using keep = await served(box, handler, ['--listen', '127.0.0.1:0']);
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
      await using keep = await served(box, handler, ['--config', config('trust = ["cert.pem"]\n')]);
      for (const path of ['/upstream/a?b', '/upstream/c'])
        assert.deepEqual(await ask(keep, path), {
          status: 200,
          body: Buffer.from(`asked for ${path.slice('/upstream'.length)} of localhost:${String(port)}`),
        });
      // Nobody else is called.
      await using other = await served(box, handler, [
        '--listen',
        '127.0.0.1:0',
        '--env',
        'UPSTREAM=localhost:1',
      ]);
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
