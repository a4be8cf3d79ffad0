// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import {
  createIdentity,
  createKeepCertificate,
  exportIdentity,
  importIdentity,
  loadIdentity,
  saveIdentity,
} from '@enarx/channel';

const directory = mkdtempSync(join(tmpdir(), 'enarx-identity-'));
after(() => {
  rmSync(directory, { recursive: true });
});
const day = 86_400_000;

describe('a certificate of ours', () => {
  test('is one that OpenSSL reads, for its key, signed by it', async () => {
    const at = Date.UTC(2026, 10, 25, 12);
    const { certificate, keyDigest } = await createKeepCertificate(new Uint8Array(16).fill(0x12), at);
    const read = new X509Certificate(certificate);
    assert.ok(read.verify(read.publicKey));
    assert.equal(read.ca, false);
    assert.equal(read.subject, `CN=Enarx Keep ${'12'.repeat(16)}`);
    assert.equal(read.issuer, read.subject);
    assert.equal(read.subjectAltName, `DNS:${'12'.repeat(16)}.keep.enarx.invalid`);
    assert.deepEqual(read.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    assert.equal(read.validFromDate.getTime(), at - day);
    assert.equal(read.validToDate.getTime(), at + 366 * day);
    const spki = read.publicKey.export({ type: 'spki', format: 'der' });
    assert.deepEqual(Buffer.from(keyDigest), createHash('sha256').update(spki).digest());
  });

  test('has a key and a serial number of its own', async () => {
    const made = await Promise.all(Array.from({ length: 16 }, () => createIdentity()));
    const read = made.map(({ certificate }) => new X509Certificate(certificate));
    assert.equal(new Set(read.map(({ serialNumber }) => serialNumber)).size, 16);
    assert.equal(
      new Set(read.map(({ publicKey }) => publicKey.export({ type: 'spki', format: 'pem' }))).size,
      16,
    );
    for (const { serialNumber } of read) assert.match(serialNumber, /^[4-7][0-9A-F]{31}$/);
  });
});

const other = await createIdentity();

describe('an identity', () => {
  test('is the same after export and import', async () => {
    const identity = await createIdentity();
    assert.deepEqual(importIdentity(exportIdentity(identity)), identity);
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const bad: Record<string, () => Promise<string>> = {
    'that is empty': () => Promise.resolve(''),
    'without a certificate': async () => (await createIdentity()).key,
    'without a key': async () => (await createIdentity()).certificate,
    'with the certificate of another key': async () => `${(await createIdentity()).key}${other.certificate}`,
    'of another sort of key': () =>
      Promise.resolve(`${rsa.export({ type: 'pkcs8', format: 'pem' })}${other.certificate}`),
    'that is far too long': async () => exportIdentity(await createIdentity()) + '\n'.repeat(20_000),
  };
  for (const [name, make] of Object.entries(bad)) {
    test(`${name} is refused, and its key is not repeated`, async () => {
      const pem = await make();
      assert.throws(
        () => importIdentity(pem),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'channel/identity-invalid');
          const secret = /PRIVATE KEY-----\n(.{20})/.exec(pem)?.[1];
          return (
            secret === undefined ||
            !JSON.stringify([error, error.message, String(error.cause)]).includes(secret)
          );
        },
      );
    });
  }

  test('is kept in a file that only its owner may read, and written over none', async () => {
    const path = join(directory, 'owner.pem');
    const identity = await createIdentity();
    await saveIdentity(path, identity);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(await loadIdentity(path), identity);
    const before = readFileSync(path, 'utf8');
    await assert.rejects(saveIdentity(path, await createIdentity()), { code: 'channel/identity-unreadable' });
    assert.equal(readFileSync(path, 'utf8'), before);
    chmodSync(path, 0o640);
    await assert.rejects(loadIdentity(path), { code: 'channel/identity-exposed' });
  });

  test('that is not there, or is none, is refused', async () => {
    await assert.rejects(loadIdentity(join(directory, 'none')), { code: 'channel/identity-unreadable' });
    const path = join(directory, 'text');
    writeFileSync(path, 'hello', { mode: 0o600 });
    await assert.rejects(loadIdentity(path), { code: 'channel/identity-invalid' });
  });
});
