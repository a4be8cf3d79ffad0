// SPDX-License-Identifier: Apache-2.0
//
// A second client, written from docs/protocol.md alone: Node's own modules, OpenSSL and a CBOR codec of somebody else's, no code of ours.
// It runs a program in a Keep of the real release.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes, verify, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request, type IncomingMessage, type RequestOptions } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';

import { cdeDecodeOptions, cdeEncodeOptions, decode, encode } from 'cbor2';

import { startHost } from './support/enarx.ts';
import { nothingRunsIn } from './support/processes.ts';
import { release, sandbox } from './support/sandbox.ts';

type Fields = Record<string, unknown>;

/** The codec takes a Buffer for an object with a `toJSON`; plain byte arrays are byte strings to it. */
const cbor = (value: unknown): Buffer => Buffer.from(encode(plain(value), cdeEncodeOptions));
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}
const parse = (bytes: Uint8Array): Fields => decode(bytes, cdeDecodeOptions);
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const spki = (certificate: X509Certificate): Buffer =>
  certificate.publicKey.export({ type: 'spki', format: 'der' });

/** One request and its answer. @returns the status, the body, and the connection where it was upgraded */
async function ask(
  options: Omit<RequestOptions, 'headers'> & { headers?: Readonly<Record<string, string>> },
  body?: Buffer,
): Promise<{ response: IncomingMessage; body: Buffer; socket?: Duplex; head: Buffer }> {
  const headers = {
    'content-length': body?.length ?? 0,
    ...(body === undefined ? {} : { 'content-type': 'application/cbor' }),
    ...options.headers,
  };
  const asked = request({ ...options, headers }).end(body);
  const upgraded = once(asked, 'upgrade') as Promise<[IncomingMessage, Duplex, Buffer]>;
  const answered = once(asked, 'response') as Promise<[IncomingMessage]>;
  upgraded.catch(() => undefined);
  answered.catch(() => undefined);
  const [response, socket, head] = await Promise.race([upgraded, answered]);
  if (socket !== undefined) return { response, body: Buffer.alloc(0), socket, head: head as Buffer };
  return { response, body: Buffer.concat(await response.toArray()), head: Buffer.alloc(0) };
}

/** Section 1: the array of kind and byte string. */
function frame(kind: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  return cbor([kind, payload]);
}

/** Cuts off the frames that are whole. @returns them, and what is left */
function framesIn(bytes: Buffer): [frames: [kind: number, payload: Buffer][], rest: Buffer] {
  const frames: [number, Buffer][] = [];
  for (let at = 0; ;) {
    const [array, kind, initial = -1] = bytes.subarray(at);
    const width = initial < 0x58 ? 0 : 1 << (initial - 0x58);
    if (initial < 0 || bytes.length < at + 3 + width) return [frames, bytes.subarray(at)];
    const length = width === 0 ? initial - 0x40 : bytes.readUIntBE(at + 3, width);
    const start = at + 3 + width;
    if (bytes.length < start + length) return [frames, bytes.subarray(at)];
    assert.equal(array, 0x82);
    frames.push([kind as number, bytes.subarray(start, start + length)]);
    at = start + length;
  }
}

/** Section 3.2, as far as a test needs it: report and chain up to the anchor. A real client checks what docs/checks.md lists. */
function requireGenuine(report: Buffer, table: Buffer, anchor: X509Certificate): void {
  const [vcek, ask_, ark] = [0, 1, 2].map((index) => {
    const offset = table.readUInt32LE(index * 24 + 16);
    return new X509Certificate(table.subarray(offset, offset + table.readUInt32LE(index * 24 + 20)));
  }) as [X509Certificate, X509Certificate, X509Certificate];
  assert.ok(vcek.verify(ask_.publicKey) && ask_.verify(ark.publicKey));
  assert.deepEqual(spki(ark), spki(anchor));
  const number = (at: number): Buffer => Buffer.from(report.subarray(at, at + 48)).reverse();
  const signature = Buffer.concat([number(0x2a0), number(0x2e8)]);
  const key = { key: vcek.publicKey, dsaEncoding: 'ieee-p1363' } as const;
  assert.ok(verify('sha384', report.subarray(0, 0x2a0), key, signature));
}

const openssl = spawnSync('openssl', ['version']).status === 0;

test(
  'a client written from the document alone creates, attests, uses and removes a Keep',
  { skip: openssl ? false : 'there is no openssl here, which makes its key' },
  async () => {
    using box = await sandbox();
    {
      await using server = await startHost(box);
      const { hostname, port } = new URL(server.url);
      const host = { hostname, port };

      // Section 2.
      const created = await ask({ ...host, method: 'POST', path: '/v1/keeps' }, cbor({ tee: 'sim' }));
      assert.equal(created.response.statusCode, 201);
      assert.equal(created.response.headers['content-type'], 'application/cbor');
      const id = Buffer.from(parse(created.body)['id'] as Uint8Array);
      const path = `/v1/keeps/${id.toString('hex')}`;
      assert.equal(created.response.headers.location, path);
      const upgrade = { connection: 'Upgrade', upgrade: 'enarx-channel/1' };
      const { socket } = await ask({ ...host, path: `${path}/channel`, headers: upgrade });
      assert.ok(socket);

      // Section 3.1.
      const pem = execFileSync(
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-subj',
          '/CN=second',
          '-keyout',
          '-',
        ],
        { stdio: ['ignore', 'pipe', 'ignore'] },
      );
      const tls: TLSSocket = connectTls({
        socket,
        key: pem,
        cert: pem,
        minVersion: 'TLSv1.3',
        ALPNProtocols: ['http/1.1'],
        rejectUnauthorized: false,
      });
      await once(tls, 'secureConnect');
      assert.equal(tls.isSessionReused(), false);
      assert.equal(tls.alpnProtocol, 'http/1.1');
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      agent.createConnection = () => tls;
      const keep = { agent, method: 'POST', host: 'keep' };

      // Section 3.2.
      const nonce = randomBytes(32);
      const attested = await ask({ ...keep, path: '/v1/attest' }, cbor({ nonce, purpose: 'deliver' }));
      assert.equal(attested.response.statusCode, 200);
      const { format, report, endorsements } = parse(attested.body) as {
        format: string;
        report: Uint8Array;
        endorsements: Uint8Array;
      };
      assert.equal(format, 'snp');
      const keepKey = sha256(spki(tls.getPeerX509Certificate() as X509Certificate));
      const clientKey = sha256(spki(new X509Certificate(pem)));
      const exporter = tls.exportKeyingMaterial(32, 'EXPORTER-enarx-attest-1', Buffer.alloc(0));
      const binding = cbor(['enarx/attest/1', nonce, keepKey, clientKey, exporter, id, 'deliver']);
      const said = Buffer.from(report);
      assert.equal(said.toString('hex', 0x50, 0x90), createHash('sha512').update(binding).digest('hex'));
      const { measurements } = JSON.parse(readFileSync(join(release, 'release.json'), 'utf8')) as {
        measurements: { sim: string };
      };
      assert.equal(said.toString('hex', 0x90, 0xc0), measurements.sim);
      requireGenuine(said, Buffer.from(endorsements), new X509Certificate(readFileSync(server.anchor)));

      // Section 4.
      const module = readFileSync(join(import.meta.dirname, '..', 'examples', 'hello', 'hello.wasm'));
      const workload = await ask({
        ...keep,
        path: '/v1/workload',
        headers: { connection: 'upgrade', upgrade: 'enarx-workload/1' },
      });
      assert.ok(workload.socket);
      const deliver = {
        size: module.length,
        digest: sha256(module),
        args: ['hello', 'second'],
        env: [],
        limits: { wall: 60_000 },
        detach: false,
      };
      tls.write(frame(0, cbor(deliver)));
      for (let at = 0; at < module.length; at += 65_536)
        tls.write(frame(1, module.subarray(at, at + 65_536)));
      tls.write(frame(3));
      let rest = workload.head;
      let stdout = '';
      const kinds = new Set<number>();
      let ended: Fields | undefined;
      for await (const chunk of tls as AsyncIterable<Buffer>) {
        const [frames, left] = framesIn(Buffer.concat([rest, chunk]));
        rest = left;
        for (const [kind, payload] of frames) {
          kinds.add(kind);
          if (kind === 5) stdout += payload.toString();
          if (kind === 8) ended = parse(payload);
          assert.notEqual(kind, 9, payload.toString());
        }
        if (ended !== undefined) break;
      }
      assert.deepEqual(ended, { how: 'exit', code: 0 });
      assert.match(stdout, /^argument 1: second$/m);
      assert.ok(kinds.has(4));

      assert.equal((await ask({ ...host, method: 'DELETE', path })).response.statusCode, 204);
      const gone = await ask({ ...host, path });
      assert.equal(gone.response.statusCode, 404);
      assert.equal(gone.response.headers['content-type'], 'application/concise-problem-details+cbor');
    }
    await nothingRunsIn(box.root);
  },
);
