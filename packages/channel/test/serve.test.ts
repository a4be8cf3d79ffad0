// SPDX-License-Identifier: Apache-2.0
//
// The Keep's end, and everything that a stranger may try on it.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import {
  createIdentity,
  createKeepCertificate,
  openChannel,
  serveChannel,
  type Judge,
  type KeepServices,
  type ServeOptions,
} from '@enarx/channel';
import {
  decodeMessage,
  EnarxError,
  evidence,
  exporterLabel,
  maxFramePayload,
  reportData,
} from '@enarx/protocol';

import { keepId } from './support/liar.ts';
import { connectedPair } from './support/pipe.ts';
import { RawClient } from './support/raw-client.ts';

const certificate = await createKeepCertificate(keepId);
const identity = await createIdentity();
const anybody: Judge = () => Promise.resolve();

interface Served extends Disposable {
  readonly calls: string[];
  connect(): Promise<Socket>;
  raw(options?: Parameters<typeof RawClient.open>[2]): Promise<RawClient>;
  close(): void;
}

function serve(options: Partial<ServeOptions> & { readonly echo?: boolean } = {}): Served {
  const calls: string[] = [];
  const services: KeepServices = {
    deliver: (key) => {
      calls.push(`deliver ${Buffer.from(key).toString('hex')}`);
      return (frames) => {
        void (async () => {
          for await (const { kind, payload } of frames)
            if (options.echo === true) await frames.send(kind, payload);
          frames.end();
        })().catch(() => undefined);
      };
    },
    attach: () => {
      calls.push('attach');
      return (frames) => {
        frames.end();
      };
    },
    stop: () => {
      calls.push('stop');
      return Promise.resolve();
    },
  };
  const channel = serveChannel({
    keepId,
    certificate,
    report: (report) => Promise.resolve({ format: 'snp', report, endorsements: new Uint8Array(0) }),
    services,
    ...options,
  });
  const connect: Served['connect'] = async () => {
    const [ours, theirs] = await connectedPair();
    channel.accept(theirs);
    return ours;
  };
  return {
    calls,
    connect,
    raw: async (more) => RawClient.open(await connect(), identity, more),
    close: () => {
      channel.close();
    },
    [Symbol.dispose]: () => {
      channel.close();
    },
  };
}

async function assertProblem(client: RawClient, code: string): Promise<void> {
  const problem = await client.problem();
  assert.equal(problem.code, code);
  await client.closed();
}

describe('a Keep', () => {
  test('answers with report data of this connection, as the client can compute it', async () => {
    using keep = serve();
    const client = await keep.raw();
    client.attest('deliver');
    const answer = await client.answer();
    assert.equal(answer?.status, 200);
    assert.deepEqual(
      Buffer.from(decodeMessage(evidence, answer.body).report),
      Buffer.from(
        await reportData({
          nonce: new Uint8Array(32),
          keepKey: certificate.keyDigest,
          clientKey: identity.keyDigest,
          exporter: client.socket.exportKeyingMaterial(32, exporterLabel, Buffer.alloc(0)),
          keepId,
          purpose: 'deliver',
        }),
      ),
    );
  });

  test('takes frames both ways after the upgrade, told who the client is', async () => {
    using keep = serve({ echo: true });
    const channel = await openChannel({ connection: await keep.connect(), identity, keepId });
    assert.deepEqual(channel.keepKey, certificate.keyDigest);
    const attested = await channel.attest('deliver', anybody);
    await attested.attest(anybody);
    const frames = await attested.deliver();
    await frames.send(3, new Uint8Array(maxFramePayload).fill(5));
    const frame = await frames.read();
    assert.equal(frame?.kind, 3);
    assert.ok(frame.payload.length === maxFramePayload && frame.payload.every((byte) => byte === 5));
    assert.deepEqual(keep.calls, [`deliver ${Buffer.from(identity.keyDigest).toString('hex')}`]);
    frames.destroy();
  });

  test('carries 32 MB each way', async () => {
    using keep = serve({ echo: true });
    const channel = await openChannel({ connection: await keep.connect(), identity, keepId });
    const frames = await (await channel.attest('deliver', anybody)).deliver();
    const piece = new Uint8Array(maxFramePayload);
    const count = 512;
    const sending = (async () => {
      for (let i = 0; i < count; i += 1) await frames.send(1, piece);
    })();
    for (let i = 0; i < count; i += 1) assert.equal((await frames.read())?.payload.length, maxFramePayload);
    await sending;
    frames.destroy();
  });

  test('attaches and stops on a connection attested for that', async () => {
    using keep = serve();
    const attach = async (): Promise<Awaited<ReturnType<typeof openChannel>>> =>
      openChannel({ connection: await keep.connect(), identity, keepId });
    const frames = await (await (await attach()).attest('attach', anybody)).attach();
    assert.equal(await frames.read(), undefined);
    const stopping = await (await attach()).attest('attach', anybody);
    await stopping.stop();
    stopping.destroy();
    assert.deepEqual(keep.calls, ['attach', 'stop']);
  });

  test('says that its processor gives no evidence, and not why', async () => {
    using keep = serve({ report: () => Promise.reject(new Error('secret of the host')) });
    const client = await keep.raw();
    client.attest('deliver');
    const problem = await client.problem();
    assert.equal(problem.code, 'channel/evidence-unavailable');
    assert.ok(!JSON.stringify(problem).includes('secret'));
  });

  test('passes on why a service refuses', async () => {
    const refuse = (): never => {
      throw new EnarxError('some/refusal', {
        kind: 'rejected',
        status: 409,
        title: 'No',
        mend: 'Do not ask',
      });
    };
    using keep = serve({ services: { deliver: refuse, attach: refuse, stop: refuse } });
    const channel = await openChannel({ connection: await keep.connect(), identity, keepId });
    const attested = await channel.attest('deliver', anybody);
    await assert.rejects(attested.deliver(), { code: 'some/refusal', name: 'ReportedError', by: 'keep' });
  });

  test('hides what a bug says of itself', async () => {
    using keep = serve({
      services: {
        deliver: () => {
          throw new Error('secret');
        },
        attach: () => () => undefined,
        stop: () => Promise.reject(new Error('secret')),
      },
    });
    for (const [purpose, ask] of [
      ['deliver', '/v1/workload'],
      ['attach', '/v1/stop'],
    ] as const) {
      const client = await keep.raw();
      client.attest(purpose);
      await client.answer();
      if (purpose === 'deliver') client.upgrade(ask);
      else client.request(ask);
      const problem = await client.problem();
      assert.equal(problem.code, 'channel/failed');
      assert.ok(!JSON.stringify(problem).includes('secret'));
    }
  });
});

describe('TLS that a Keep refuses:', () => {
  test('version 1.2', async () => {
    using keep = serve();
    await assert.rejects(keep.raw({ maxVersion: 'TLSv1.2' }));
  });

  test('another application protocol', async () => {
    using keep = serve();
    await assert.rejects(keep.raw({ ALPNProtocols: ['h2'] }));
  });

  test('no client certificate', async () => {
    using keep = serve();
    const client = await RawClient.open(await keep.connect());
    client.attest('deliver');
    await assertProblem(client, 'channel/client-key');
  });

  test('a client key of another sort', async () => {
    using keep = serve();
    const client = await RawClient.open(await keep.connect(), await ed25519Identity());
    client.attest('deliver');
    await assertProblem(client, 'channel/client-key');
  });

  test('resumption: a session that is offered again gets a full handshake', async () => {
    using keep = serve();
    const sessions: Buffer[] = [];
    const first = await keep.raw();
    first.socket.on('session', (session: Buffer) => sessions.push(session));
    first.attest('deliver');
    await first.answer();
    for (const session of [...sessions, first.socket.getSession()!]) {
      const second = await keep.raw({ session });
      assert.equal(second.socket.isSessionReused(), false);
      // What was proved on the first connection is not proved on the second.
      second.upgrade('/v1/workload');
      await assertProblem(second, 'channel/not-attested');
    }
  });
});

/** A self-signed certificate of a kind of key that is not ours, made with our own writer. */
async function ed25519Identity(): Promise<{ key: string; certificate: string }> {
  const { issueCertificate } = await import('@enarx/attestation/x509');
  const { derOid, derSequence } = await import('@enarx/attestation/der');
  const { sign } = await import('node:crypto');
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const name = [['2.5.4.3', 'x']] as const;
  const der = await issueCertificate(
    {
      serial: 1,
      issuer: name,
      subject: name,
      notBefore: Date.now() - 1000,
      notAfter: Date.now() + 1e8,
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    },
    {
      algorithm: derSequence(derOid('1.3.101.112')),
      sign: (bytes) => Promise.resolve(sign(null, bytes, privateKey)),
    },
  );
  const base64 = Buffer.from(der).toString('base64');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    certificate: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  };
}

describe('requests that a Keep refuses:', () => {
  const cbor = { 'content-type': 'application/cbor' };
  const cases: Record<string, readonly [code: string, ask: (client: RawClient) => void]> = {
    'a workload before any evidence': [
      'channel/not-attested',
      (c) => {
        c.upgrade('/v1/workload');
      },
    ],
    'attaching before any evidence': [
      'channel/not-attested',
      (c) => {
        c.upgrade('/v1/attach');
      },
    ],
    'a stop before any evidence': [
      'channel/not-attested',
      (c) => {
        c.request('/v1/stop');
      },
    ],
    'a workload without an upgrade': [
      'channel/upgrade-required',
      (c) => {
        c.request('/v1/workload');
      },
    ],
    'an upgrade to something else': [
      'channel/upgrade-required',
      (c) => {
        c.request('/v1/workload', { connection: 'upgrade', upgrade: 'websocket' });
      },
    ],
    'an upgrade of the question for evidence': [
      'channel/upgrade-required',
      (c) => {
        c.upgrade('/v1/attest');
      },
    ],
    'an upgrade with a body': [
      'channel/body-too-large',
      (c) => {
        c.request('/v1/workload', { connection: 'upgrade', upgrade: 'enarx-workload/1' }, new Uint8Array(3));
      },
    ],
    'another path': [
      'channel/path-unknown',
      (c) => {
        c.request('/v1/attest/../workload');
      },
    ],
    'another method': [
      'channel/method-unknown',
      (c) => {
        c.socket.write('GET /v1/attest HTTP/1.1\r\nhost: keep\r\n\r\n');
      },
    ],
    'another content type': [
      'channel/content-type',
      (c) => {
        c.request('/v1/attest', { 'content-type': 'application/json' }, Buffer.from('{}'));
      },
    ],
    'a compressed body': [
      'channel/content-type',
      (c) => {
        c.request('/v1/attest', { ...cbor, 'content-encoding': 'gzip' }, Buffer.from('x'));
      },
    ],
    'a body that is announced too large': [
      'channel/body-too-large',
      (c) => {
        c.request('/v1/attest', { ...cbor, 'content-length': '1099511627776' });
      },
    ],
    'a body without end': [
      'channel/body-too-large',
      (c) => {
        c.socket.write(
          `POST /v1/attest HTTP/1.1\r\nhost: keep\r\ncontent-type: application/cbor\r\ntransfer-encoding: chunked\r\n\r\n400\r\n${'x'.repeat(1024)}\r\n400\r\n${'x'.repeat(1024)}\r\n`,
        );
      },
    ],
    'a body that is no CBOR': [
      'cbor/malformed',
      (c) => {
        c.request('/v1/attest', cbor, Uint8Array.of(0xff));
      },
    ],
    'a body of another shape': [
      'message/invalid',
      (c) => {
        c.request('/v1/attest', cbor, Uint8Array.of(0xa0));
      },
    ],
    'bytes that are no HTTP': [
      'channel/http-malformed',
      (c) => {
        c.socket.write(Buffer.alloc(64, 0xff));
      },
    ],
    'a header that is too large': [
      'channel/http-malformed',
      (c) => {
        c.request('/v1/attest', { x: 'y'.repeat(9000) });
      },
    ],
    'two lengths': [
      'channel/http-malformed',
      (c) => {
        c.socket.write(
          'POST /v1/attest HTTP/1.1\r\nhost: keep\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
        );
      },
    ],
  };
  for (const [name, [code, ask]] of Object.entries(cases)) {
    test(name, async () => {
      using keep = serve();
      const client = await keep.raw();
      ask(client);
      await assertProblem(client, code);
      assert.deepEqual(keep.calls, []);
    });
  }

  test('a second one before the first is answered: the processor is asked once', async () => {
    let reports = 0;
    using keep = serve({
      report: async (report) => {
        reports += 1;
        await delay(100);
        return { format: 'snp', report, endorsements: new Uint8Array(0) };
      },
    });
    const client = await keep.raw();
    client.attest('deliver');
    client.attest('deliver');
    assert.equal((await client.answer())?.status, 200);
    await assertProblem(client, 'channel/too-many-requests');
    assert.equal(reports, 1);
  });

  test('another purpose on the same connection', async () => {
    using keep = serve();
    const client = await keep.raw();
    client.attest('verify');
    assert.equal((await client.answer())?.status, 200);
    client.attest('deliver');
    await assertProblem(client, 'channel/purpose-other');
  });

  test('a service for which the evidence was not', async () => {
    using keep = serve();
    for (const [purpose, path] of [
      ['verify', '/v1/workload'],
      ['attach', '/v1/workload'],
      ['deliver', '/v1/attach'],
      ['verify', '/v1/attach'],
    ] as const) {
      const client = await keep.raw();
      client.attest(purpose);
      await client.answer();
      client.upgrade(path);
      await assertProblem(client, 'channel/not-attested');
    }
    for (const purpose of ['deliver', 'verify'] as const) {
      const client = await keep.raw();
      client.attest(purpose);
      await client.answer();
      client.request('/v1/stop');
      await assertProblem(client, 'channel/not-attested');
    }
    assert.deepEqual(keep.calls, []);
  });

  test('more than sixteen', async () => {
    using keep = serve();
    const client = await keep.raw();
    for (let i = 0; i < 16; i += 1) {
      client.attest('deliver');
      assert.equal((await client.answer())?.status, 200);
    }
    client.attest('deliver');
    await assertProblem(client, 'channel/too-many-requests');
  });
});

/** Resolves when the other side has closed it. */
async function cutOff(connection: Socket): Promise<void> {
  connection.resume();
  await once(connection, 'end');
  connection.destroy();
}

describe('a stranger who takes its time', () => {
  test('with the handshake is cut off', async () => {
    using keep = serve({ times: { handshake: 200 } });
    const connection = await keep.connect();
    connection.write(Uint8Array.of(22, 3, 1));
    await cutOff(connection);
  });

  test('with its request is cut off, and so is one who dribbles', async () => {
    using keep = serve({ times: { requests: 1000 } });
    const [silent, dribbling] = await Promise.all([keep.raw(), keep.raw()]);
    const timer = setInterval(() => dribbling.socket.write('x'), 50);
    dribbling.socket.write('POST /v1/attest HTTP/1.1\r\nx: ');
    await Promise.all([silent.closed(), dribbling.closed()]);
    clearInterval(timer);
  });

  test('in a conversation is not', async () => {
    using keep = serve({ echo: true, times: { requests: 1000 } });
    const channel = await openChannel({ connection: await keep.connect(), identity, keepId });
    const frames = await (await channel.attest('deliver', anybody)).deliver();
    await delay(1200);
    await frames.send(1);
    assert.equal((await frames.read())?.kind, 1);
    frames.destroy();
  });

  test('does not keep more than 32 connections open', async () => {
    using keep = serve();
    const held = await Promise.all(Array.from({ length: 32 }, () => keep.connect()));
    const [one] = held;
    const more = await keep.connect();
    await cutOff(more);
    one!.destroy();
    let client: RawClient | undefined;
    for (const deadline = Date.now() + 5000; client === undefined && Date.now() < deadline;)
      client = await keep.raw().catch(() => delay(50, undefined));
    assert.ok(client !== undefined, 'no room was made');
    client.attest('verify');
    assert.equal((await client.answer())?.status, 200);
    for (const connection of held) connection.destroy();
  });

  test('finds nobody when the channel is closed', async () => {
    using keep = serve();
    const open = await keep.raw();
    keep.close();
    await open.closed();
    const late = await keep.connect();
    await cutOff(late);
  });
});
