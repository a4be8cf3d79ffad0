// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { concatBytes, toHex } from '@enarx/protocol';

import { verifyEvidence } from '../../src/verify.ts';
import type { Verification } from '../../src/verification.ts';
import { checkOf, failures } from '../support/verifying.ts';
import { at, fakePlatform, tdxClaims, type IntelVerification } from './fake-intel.ts';

// What Azure’s guests of TDX send: a quote whose report data is the digest of what the paravisor put beside its report, which holds
// the key of the virtual TPM. Trustee’s own file of a real guest (az-tdx-vtpm) verifies the same way.

const { platform, anchor } = await fakePlatform();
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const digest = async (bytes: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
const u32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};

const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;
const tpmKey = await crypto.subtle.generateKey(
  { ...algorithm, modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) },
  true,
  ['sign', 'verify'],
);
const jwk = await crypto.subtle.exportKey('jwk', tpmKey.publicKey);
const runtimeData = utf8(
  JSON.stringify({ keys: [{ kid: 'HCLAkPub', kty: 'RSA', e: jwk.e, n: jwk.n }], 'vm-configuration': {} }),
);
const blobOf = (json: Uint8Array, type = 4): Uint8Array =>
  concatBytes(
    utf8('HCLA'),
    u32(2),
    new Uint8Array(24),
    new Uint8Array(1184),
    ...[20 + json.length, 1, type, 1, json.length].map(u32),
    json,
  );
const pcrs = Array.from({ length: 24 }, (_, index) => new Uint8Array(32).fill(index));

async function tpmQuote(values: readonly Uint8Array[] = pcrs): Promise<Record<string, unknown>> {
  const message = concatBytes(
    Uint8Array.of(0xff, 0x54, 0x43, 0x47, 0x80, 0x18, 0, 0, 0, 5),
    utf8('nonce'),
    new Uint8Array(25),
    Uint8Array.of(0, 0, 0, 1, 0, 0x0b, 3, 0xff, 0xff, 0xff, 0, 32),
    await digest(concatBytes(...values)),
  );
  const signature = await crypto.subtle.sign(algorithm, tpmKey.privateKey, message);
  return { message: base64(message), signature: toHex(new Uint8Array(signature)), pcrs: pcrs.map(base64) };
}

const quoteOf = async (json: Uint8Array): Promise<Uint8Array> =>
  platform.trustDomain().quote(concatBytes(await digest(json), new Uint8Array(32)));
const verify = async (members: Record<string, unknown>): Promise<Verification> =>
  verifyEvidence({
    evidence: utf8(JSON.stringify(members)),
    endorsements: platform.collateral,
    anchors: [anchor],
    at,
  });
const good = {
  td_quote: [...(await quoteOf(runtimeData))],
  hcl_report: base64Url(blobOf(runtimeData)),
  tpm_quote: await tpmQuote(),
};

describe('the evidence of an Azure guest of TDX', () => {
  test('is its quote, the runtime data that it is for, and the quote of the TPM under their key', async () => {
    const result = await verify(good);
    assert.deepEqual(failures(result), []);
    assert.equal(result.format, 'tdx');
    for (const id of ['azure/runtime-data', 'azure/quote']) assert.equal(checkOf(result, id).status, 'pass');
    const { azure } = tdxClaims(result as IntelVerification);
    assert.deepEqual(azure?.quote?.extraData, utf8('nonce'));
    const old = await verify({ ...good, tpm_quote: undefined });
    assert.equal(checkOf(old, 'azure/quote').status, 'not-applicable');
  });

  test('with other runtime data is refused', async () => {
    const other = utf8(new TextDecoder().decode(runtimeData).replace('{}', '{"a":1}'));
    const result = await verify({ ...good, hcl_report: base64(blobOf(other)) });
    assert.deepEqual(failures(result), ['azure/runtime-data']);
    assert.equal(result.verified, undefined);
  });

  test('whose TPM quote is of other registers or of another key is refused', async () => {
    const others = await verify({ ...good, tpm_quote: await tpmQuote(pcrs.toReversed()) });
    assert.deepEqual(failures(others), ['azure/quote']);
    const { message, pcrs: values } = good.tpm_quote;
    const forged = await verify({
      ...good,
      tpm_quote: { message, pcrs: values, signature: '00'.repeat(256) },
    });
    assert.deepEqual(failures(forged), ['azure/quote']);
  });

  test('needs the blob of a TDX guest and a quote', async () => {
    await assert.rejects(verify({ ...good, hcl_report: base64(blobOf(runtimeData, 2)) }), {
      code: 'azure/malformed',
      message: /report type 2; expected 4, TDX/,
    });
    await assert.rejects(verify({ ...good, td_quote: base64(new Uint8Array(64)) }), {
      code: 'azure/malformed',
    });
    await assert.rejects(verify({ ...good, td_quote: 7 }), { code: 'evidence/malformed' });
    // The blob alone proves nothing: the report in it is for the host’s quoting enclave.
    await assert.rejects(
      verifyEvidence({ evidence: blobOf(runtimeData), endorsements: [], anchors: [anchor], at }),
      { code: 'azure/malformed', message: /give JSON of td_quote and hcl_report/ },
    );
  });
});
