// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { EnarxError, encodeCbor, fromHex, type CborValue } from '@enarx/protocol';

import { readCbor } from '../../src/cose/cbor.ts';
import { readCborClaims, readJsonClaims } from '../../src/results/claims-set.ts';
import { earProfile, verifyResult, type AttestationResult } from '../../src/results/index.ts';
import { ratsVector, ratsVectors, withoutRatsVectors as skip } from '../support/indexed-vectors.ts';

// Results that others made: the draft's examples, and tokens of Veraison and Trustee with the keys they were signed with.

const at = Date.parse('2026-06-01T12:00:00Z');

async function keyOf(jwk: JsonWebKey): Promise<CryptoKey> {
  const { kty, crv, x, y } = jwk;
  return crypto.subtle.importKey(
    'jwk',
    { kty, crv, x, y } as JsonWebKey,
    { name: 'ECDSA', namedCurve: 'P-256' },
    true,
    ['verify'],
  );
}

function jwkIn(file: string): JsonWebKey {
  const [header] = ratsVector(file).toString().split('.') as [string];
  return (JSON.parse(Buffer.from(header, 'base64url').toString()) as { jwk: JsonWebKey }).jwk;
}

const outcome = async (promise: Promise<AttestationResult>): Promise<string> => {
  try {
    return (await promise).profile;
  } catch (error) {
    assert.ok(error instanceof EnarxError, String(error));
    return String(error.code);
  }
};

/** Signed, but no result: `{}` as its claims. */
const noClaims = 'veraison+ear/ear_test.go.4.jwt';
/** Expired in 2025 and verified for its own time. */
const itsOwnTime: Readonly<Record<string, number>> = {
  'veraison+ear/arc/cmd/test_vars.go.2.jwt': 1_752_059_200_000,
};

suite('signed results of others', { skip }, () => {
  for (const { file, kind, expected, collateral } of ratsVectors) {
    if (kind !== 'ear-jwt') continue;
    test(`${file}: signature ${expected['signatureValid'] === true ? 'good' : 'bad'}`, async () => {
      const keyFile = collateral?.find(({ role }) => role === 'verificationKey')?.file;
      const jwk =
        keyFile === undefined ? jwkIn(file) : (JSON.parse(ratsVector(keyFile).toString()) as JsonWebKey);
      const options = { result: ratsVector(file), key: await keyOf(jwk), at: itsOwnTime[file] ?? at };
      const code = await outcome(verifyResult(options));
      if (expected['signatureValid'] !== true) assert.match(code, /^result\/(rejected|malformed)$/);
      else assert.equal(code, file === noClaims ? 'result/malformed' : expected['profile']);
    });
  }

  test('say what Veraison wrote', async () => {
    const file = 'veraison+ear/arc/cmd/test_vars.go.0.jwt';
    const jwk = JSON.parse(
      ratsVector('veraison+ear/ear_test.go.public-key.jwk.json').toString(),
    ) as JsonWebKey;
    const result = await verifyResult({ result: ratsVector(file), key: await keyOf(jwk), at });
    assert.deepEqual(result.verifier, { build: 'rrtrap-v1.0.0', developer: 'Acme Inc.' });
    assert.equal(result.issuedAt, 1666091373);
    assert.deepEqual(Buffer.from(result.rawEvidence as Uint8Array).toString('hex'), 'deadbeef');
    assert.deepEqual(result.submodules.get('test'), {
      status: 'affirming',
      vector: {
        'instance-identity': 2,
        configuration: 2,
        executables: 3,
        'file-system': 2,
        hardware: 2,
        'runtime-opaque': 2,
        'storage-opaque': 2,
        'sourced-data': 2,
      },
      policyIds: ['https://veraison.example/policy/1/60a0068d'],
    });
  });

  test('are held to their nonce, expiry and time of issue', async () => {
    const jwk = JSON.parse(
      ratsVector('veraison+ear/ear_test.go.public-key.jwk.json').toString(),
    ) as JsonWebKey;
    const rust = { result: ratsVector('veraison+rust-ear/src/ear.rs.0.jwt'), key: await keyOf(jwk), at };
    const nonce = Buffer.from('3WHyjndGOTI=', 'base64');
    assert.equal(await outcome(verifyResult({ ...rust, nonce })), 'tag:github.com,2023:veraison/ear');
    assert.equal(await outcome(verifyResult({ ...rust, nonce: nonce.subarray(1) })), 'result/rejected');
    const trustee = 'veraison+ear/arc/cmd/test_vars.go.2.jwt';
    const options = { result: ratsVector(trustee), key: await keyOf(jwkIn(trustee)) };
    assert.equal(await outcome(verifyResult({ ...options, at })), 'result/rejected');
    assert.equal(await outcome(verifyResult({ ...options, at: 1_752_000_000_000 })), 'result/rejected');
  });
});

suite('claims of the draft and of Veraison', { skip }, () => {
  for (const { file, kind, expected } of ratsVectors) {
    if (kind !== 'ear-claims') continue;
    test(`${file} is read`, () => {
      const text = ratsVector(file).toString();
      const result = text.includes('265:')
        ? readCborClaims(readCbor(encodeDiagnostic(text), 4096))
        : readJsonClaims(text);
      assert.equal(result.profile, expected['profile'] ?? 'tag:github.com,2023:veraison/ear');
      assert.ok(result.submodules.size > 0);
    });
  }

  test('say the same in CBOR and in JSON', () => {
    const folder = 'ietf-rats-wg+draft-ietf-rats-ear/cddl/examples';
    const cbor = readCborClaims(
      readCbor(encodeDiagnostic(ratsVector(`${folder}/ear-cbor-1.diag`).toString()), 4096),
    );
    const json = readJsonClaims(ratsVector(`${folder}/ear-json-1.diag`).toString());
    assert.deepEqual({ ...cbor, rawEvidence: undefined }, { ...json, rawEvidence: undefined });
    assert.equal(cbor.profile, earProfile);
    assert.deepEqual(cbor.submodules.get('PSA'), {
      status: 'contraindicated',
      vector: { 'instance-identity': 2, executables: 96, hardware: 2 },
      policyIds: ['https://veraison.example/policy/1/60a0068d'],
    });
  });
});

test('a CWT of the EAT working group is read, and is no result: it has no profile', { skip }, async () => {
  const { publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const result = ratsVector('ietf-rats-wg+eat/cddl/Example-Tokens/valid_cwt.cbor');
  assert.equal(await outcome(verifyResult({ result, key: publicKey, at })), 'result/rejected');
});

/** Diagnostic notation of the examples: integers as keys, h'…' as bytes. */
function encodeDiagnostic(text: string): Uint8Array {
  const json = text.replace(/h'([0-9a-fA-F]*)'/g, '{"bytes":"$1"}').replace(/^(\s*)(-?\d+):/gm, '$1"$2":');
  const value = (item: unknown): CborValue => {
    if (Array.isArray(item)) return item.map(value);
    if (typeof item !== 'object' || item === null) return item as CborValue;
    const entries = Object.entries(item);
    if (entries.length === 1 && entries[0]?.[0] === 'bytes')
      return fromHex(String(entries[0][1]).toLowerCase()) as Uint8Array;
    return new Map(entries.map(([key, inner]) => [/^-?\d+$/.test(key) ? Number(key) : key, value(inner)]));
  };
  return encodeCbor(value(JSON.parse(json)));
}
