// SPDX-License-Identifier: Apache-2.0
//
// The client's end, and everything that whoever is at the other end may try on it.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';

import {
  createIdentity,
  createKeepCertificate,
  openChannel,
  type Judge,
  type OpenOptions,
} from '@enarx/channel';

import { keepId, liar, type GivenAnswer, type LiarOptions } from './support/liar.ts';
import { connectedPair } from './support/pipe.ts';

const identity = await createIdentity();
const certificate = await createKeepCertificate(keepId);
const anybody: Judge = () => Promise.resolve();

async function open(options: LiarOptions, more: Partial<OpenOptions> = {}): ReturnType<typeof openChannel> {
  const [ours, theirs] = await connectedPair();
  (await liar({ certificate, ...options }))(theirs);
  return openChannel({ connection: ours, identity, keepId, ...more });
}

describe('TLS that a client refuses:', () => {
  test('version 1.2', () =>
    assert.rejects(open({ tls: { maxVersion: 'TLSv1.2' } }), { code: 'channel/handshake-failed' }));

  test('another application protocol, or none', async () => {
    await assert.rejects(open({ tls: { ALPNProtocols: ['h2'] } }), { code: /^channel\/handshake-/ });
    await assert.rejects(open({ tls: { ALPNProtocols: [] } }), { code: 'channel/handshake-unfit' });
  });

  test('a key of another sort', async () => {
    const { key, cert } = await ed25519Certificate();
    await assert.rejects(open({ tls: { key, cert } }), { code: 'channel/handshake-unfit' });
  });

  test('a session that was there before, which shows no key', async () => {
    // A server that gives out tickets and takes them again: the client never offers one.
    for (let i = 0; i < 3; i += 1) {
      const channel = await open({ tls: { sessionTimeout: 300, ticketKeys: Buffer.alloc(48, 1) } });
      await channel.attest('verify', anybody);
      channel.destroy();
    }
  });

  test('none at all', async () => {
    const [ours, theirs] = await connectedPair();
    theirs.end('HTTP/1.1 200 OK\r\n\r\n');
    await assert.rejects(openChannel({ connection: ours, identity, keepId }), {
      code: 'channel/handshake-failed',
    });
    theirs.destroy();
  });
});

async function ed25519Certificate(): Promise<{ key: string; cert: string }> {
  const { issueCertificate } = await import('@enarx/attestation/x509');
  const { derOid, derSequence } = await import('@enarx/attestation/der');
  const { sign } = await import('node:crypto');
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const name = [['2.5.4.3', 'x']] as const;
  const dates = { notBefore: Date.now() - 1000, notAfter: Date.now() + 1e8 };
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const der = await issueCertificate(
    { serial: 1, issuer: name, subject: name, ...dates, publicKey: spki },
    {
      algorithm: derSequence(derOid('1.3.101.112')),
      sign: (bytes) => Promise.resolve(sign(null, bytes, privateKey)),
    },
  );
  const base64 = Buffer.from(der).toString('base64');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  };
}

describe('answers that a client refuses:', () => {
  const body = new Uint8Array(0);
  const cases: Record<string, readonly [code: string, answer: GivenAnswer]> = {
    'one that is no CBOR': ['cbor/malformed', { body: Uint8Array.of(0xff) }],
    'one of another shape': ['message/invalid', { body: Uint8Array.of(0xa0) }],
    'one that is too large': ['channel/answer', { body: new Uint8Array(70_000) }],
    'another content type': ['channel/answer', { type: 'text/html', body }],
    'a redirect': ['channel/answer', { status: 302, body }],
    'an error without a reason': ['channel/answer', { status: 500, type: 'text/plain', body }],
    'a reason that is none': [
      'cbor/malformed',
      { status: 500, type: 'application/concise-problem-details+cbor', body: Uint8Array.of(0xff) },
    ],
    'success without evidence': ['channel/answer', { status: 204, body }],
  };
  for (const [name, [code, answer]] of Object.entries(cases)) {
    test(name, async () => {
      const channel = await open({ answer: () => answer });
      await assert.rejects(channel.attest('deliver', anybody), { code });
      await assert.rejects(channel.attest('deliver', anybody), { code: 'channel/closed' });
    });
  }
});

describe('a client that waits', () => {
  test('for a handshake gives up in time', async () => {
    const [ours, theirs] = await connectedPair();
    await assert.rejects(openChannel({ connection: ours, identity, keepId, times: { handshake: 200 } }), {
      code: 'channel/timeout',
    });
    assert.ok(ours.destroyed);
    theirs.destroy();
  });

  test('for evidence gives up in time', async () => {
    const never = new Promise<GivenAnswer>(() => undefined);
    const channel = await open({ answer: () => never }, { times: { answer: 200 } });
    await assert.rejects(channel.attest('deliver', anybody), { code: 'channel/timeout' });
  });

  test('is called off by its signal, before and meanwhile', async () => {
    await assert.rejects(open({}, { signal: AbortSignal.abort() }), { code: 'channel/aborted' });
    const abort = new AbortController();
    const never = new Promise<GivenAnswer>(() => undefined);
    const channel = await open({ answer: () => never }, { signal: abort.signal });
    setTimeout(() => {
      abort.abort();
    }, 100);
    await assert.rejects(channel.attest('deliver', anybody), { code: 'channel/aborted' });
  });

  test('learns that the connection ended instead', async () => {
    const [ours, theirs] = await connectedPair();
    (await liar({ answer: () => new Promise(() => theirs.destroy()) }))(theirs);
    const channel = await openChannel({ connection: ours, identity, keepId });
    await assert.rejects(channel.attest('deliver', anybody), { code: 'channel/closed' });
  });
});

test('a judge that says no destroys the connection', async () => {
  const [ours, theirs] = await connectedPair();
  (await liar())(theirs);
  const channel = await openChannel({ connection: ours, identity, keepId });
  await assert.rejects(
    channel.attest('deliver', () => Promise.reject(new Error('no'))),
    { message: 'no' },
  );
  assert.ok(ours.destroyed);
});

test('what was accepted once is judged again when it is asked again', async () => {
  const channel = await open({});
  const attested = await channel.attest('verify', anybody);
  const nonces = new Set<string>();
  const collect: Judge = ({ reportData }) => {
    nonces.add(Buffer.from(reportData).toString('hex'));
    return Promise.resolve();
  };
  await attested.attest(collect);
  await attested.attest(collect);
  assert.equal(nonces.size, 2);
  await assert.rejects(attested.attest(() => Promise.reject(new Error('no'))));
  await assert.rejects(attested.attest(collect), { code: 'channel/closed' });
});
