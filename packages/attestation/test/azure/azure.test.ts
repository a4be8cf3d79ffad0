// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync, createHash, sign, type KeyObject } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { vendorAnchors } from '../../src/anchors.ts';
import { looksLikeHcl, readHclReport } from '../../src/azure/hcl.ts';
import { readTpmQuote } from '../../src/azure/quote.ts';
import type { Verification } from '../../src/verification.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { fakeAmd, type FakeAmd } from '../support/fake-amd.ts';
import { vector, vectors, withoutVectors } from '../support/vectors.ts';
import { assertOnly, checkOf, failures, snpClaims, verifyFake } from '../support/verifying.ts';

let amd: FakeAmd;
let tpm: { publicKey: KeyObject; privateKey: KeyObject };
before(async () => {
  amd = await fakeAmd();
  tpm = generateKeyPairSync('rsa', { modulusLength: 2048 });
});

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const runtimeJson = (kid = 'HCLAkPub'): Buffer =>
  Buffer.from(
    JSON.stringify({ keys: [{ kid: 'HCLEkPub' }, { kid, ...tpm.publicKey.export({ format: 'jwk' }) }] }),
  );

interface Blob {
  readonly version?: number;
  readonly type?: number;
  readonly hash?: number;
  readonly length?: number;
  readonly behind?: Buffer;
}

function hcl(report: Uint8Array, json: Buffer, blob: Blob = {}): Buffer {
  const head = Buffer.alloc(32);
  head.write('HCLA');
  head.writeUInt32LE(blob.version ?? 2, 4);
  const runtime = Buffer.alloc(20);
  [json.length + 20, 1, blob.type ?? 2, blob.hash ?? 1, blob.length ?? json.length].forEach(
    (value, index) => {
      runtime.writeUInt32LE(value, 4 * index);
    },
  );
  return Buffer.concat([head, report, runtime, json, blob.behind ?? Buffer.alloc(100)]);
}

/** A report that binds this runtime data. */
const bound = (json: Buffer): Promise<Uint8Array> =>
  amd.report({ 0x50: Buffer.concat([sha256(json), Buffer.alloc(32)]) });

const pcrs = [0, 1, 7].map((number) => Buffer.alloc(32, number));

function quoteMessage(
  alter: { magic?: number; banks?: number; hash?: number; digest?: Buffer; behind?: Buffer } = {},
): Buffer {
  const sized = (content: Buffer): Buffer => Buffer.concat([Buffer.of(0, content.length), content]);
  const head = Buffer.alloc(6);
  head.writeUInt32BE(alter.magic ?? 0xff544347);
  head.writeUInt16BE(0x8018, 4);
  const selection = Buffer.from([0, 0, 0, alter.banks ?? 1, 0, alter.hash ?? 0x0b, 3, 0b1000_0011, 0, 0]);
  return Buffer.concat([
    head,
    sized(Buffer.from('signer')),
    sized(Buffer.from('nonce')),
    Buffer.alloc(25),
    selection,
    sized(alter.digest ?? sha256(Buffer.concat(pcrs))),
    alter.behind ?? Buffer.alloc(0),
  ]);
}

const json = (members: object): Buffer => Buffer.from(JSON.stringify(members));
const quoteJson = (
  message: Buffer,
  values: readonly Buffer[] = pcrs,
  signature = sign('sha256', message, tpm.privateKey),
): object => ({
  message: message.toString('hex'),
  signature: signature.toString('hex'),
  pcrs: values.map((value) => value.toString('hex')),
});

describe('Azure’s blob', () => {
  test('is verified with the report in it, and its keys and quote are among the claims', async () => {
    const runtime = runtimeJson();
    const blob = hcl(await bound(runtime), runtime);
    const plain = await verifyFake(amd, { report: blob });
    assert.deepEqual(failures(plain), []);
    assert.equal(checkOf(plain, 'azure/runtime-data').status, 'pass');
    assert.equal(checkOf(plain, 'azure/quote').status, 'not-applicable');
    assert.match(checkOf(plain, 'azure/quote').detail, /nothing shows that it is fresh/);
    const evidence = json({
      version: 1,
      hcl_report: blob.toString('base64url'),
      tpm_quote: quoteJson(quoteMessage()),
    });
    const result = await verifyFake(amd, { report: evidence });
    assert.deepEqual(failures(result), []);
    const { azure } = snpClaims(result);
    assert.deepEqual(azure?.json, new Uint8Array(runtime));
    assert.equal(azure.attestationKey?.kty, 'RSA');
    assert.equal(Buffer.from(azure.quote?.extraData ?? []).toString(), 'nonce');
    assert.deepEqual(azure.quote?.pcrSelection, [0, 1, 7]);
  });

  test('is asked for of nobody else: what Azure did not wrap passes none of its checks', async () => {
    const result = await verifyFake(amd);
    for (const id of ['azure/runtime-data', 'azure/quote', 'csr/signature', 'csr/key-bound'])
      assert.equal(checkOf(result, id).status, 'not-applicable', id);
  });

  test('whose runtime data is not the one in the report is refused', async () => {
    const runtime = runtimeJson();
    const report = await bound(runtime);
    const other = Buffer.from(runtime);
    other.write('X', 40);
    await assertOnly(
      'azure/runtime-data',
      /has the SHA-256/,
      verifyFake(amd, { report: hcl(report, other) }),
    );
    // Over all 64 bytes: the upper half is zero, not anything.
    const dirty = await amd.report({
      0x50: Buffer.concat([sha256(runtime), Buffer.alloc(31), Buffer.of(1)]),
    });
    await assertOnly(
      'azure/runtime-data',
      /the report has/,
      verifyFake(amd, { report: hcl(dirty, runtime) }),
    );
  });

  test('with a quote that does not hold is refused', async () => {
    const runtime = runtimeJson();
    const blob = hcl(await bound(runtime), runtime).toString('base64');
    const verify = (quote: object): Promise<Verification> =>
      verifyFake(amd, { report: json({ hcl_report: blob, tpm_quote: quote }) });
    const good = quoteMessage();
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await assertOnly(
      'azure/quote',
      /signature of the TPM quote/,
      verify(quoteJson(good, pcrs, sign('sha256', good, other.privateKey))),
    );
    await assertOnly(
      'azure/quote',
      /the PCRs have the digest/,
      verify(quoteJson(good, [...pcrs.slice(0, 2), Buffer.alloc(32, 8)])),
    );
  });

  test('with a quote and no usable key in the runtime data is refused', async () => {
    for (const runtime of [
      runtimeJson('AnotherKey'),
      Buffer.from('no JSON'),
      Buffer.from([0xff]),
      Buffer.from('null'),
      Buffer.from('{"keys":7}'),
      Buffer.from('{"keys":[null,7,{"kid":1}]}'),
      // Its own key, and then bytes that are no UTF-8.
      Buffer.concat([runtimeJson().subarray(0, -1), Buffer.from(',"x":"\u00ff"}', 'latin1')]),
    ]) {
      const blob = hcl(await bound(runtime), runtime).toString('base64');
      const evidence = json({ report: [...Buffer.from(blob, 'base64')], quote: quoteJson(quoteMessage()) });
      await assertOnly('azure/quote', /holds no HCLAkPub/, verifyFake(amd, { report: evidence }));
    }
    const broken = Buffer.from('{"keys":[{"kid":"HCLAkPub"}]}');
    const blob = hcl(await bound(broken), broken).toString('base64');
    const evidence = json({ report: blob, quote: quoteJson(quoteMessage()) });
    await assertOnly('azure/quote', /signature of the TPM quote/, verifyFake(amd, { report: evidence }));
  });

  test('whose lengths or kinds are wrong is refused', async () => {
    const runtime = runtimeJson();
    const report = await bound(runtime);
    const refused = (blob: Buffer, found: RegExp): void => {
      assert.throws(
        () => readHclReport(blob, 'snp'),
        (error: unknown) => {
          assert.equal((error as { code?: string }).code, 'azure/malformed');
          assert.match((error as Error).message, found);
          return true;
        },
      );
    };
    const good = hcl(report, runtime);
    assert.deepEqual(Buffer.from(readHclReport(good, 'snp').runtimeData), runtime);
    refused(good.subarray(0, 1235), /1235 bytes; expected at least 1236/);
    refused(Buffer.alloc(1236), /version 0; expected HCLA 1 or 2/);
    const shortest = hcl(report, Buffer.alloc(0), { behind: Buffer.alloc(0) });
    assert.equal(shortest.length, 1236);
    assert.equal(readHclReport(shortest, 'snp').runtimeData.length, 0);
    refused(Buffer.concat([Buffer.from('HCLB'), good.subarray(4)]), /expected HCLA/);
    refused(hcl(report, runtime, { version: 3 }), /version 3/);
    refused(hcl(report, runtime, { type: 4 }), /report type 4/);
    refused(hcl(report, runtime, { hash: 2 }), /hash type 2/);
    refused(hcl(report, runtime, { length: 0xffff_ffff }), /runtime data of 4294967295 bytes/);
    const room = runtime.length + 100;
    refused(hcl(report, runtime, { length: room + 1 }), new RegExp(`at most ${String(room)}\\.?`));
    refused(hcl(report, runtime, { behind: Buffer.of(0, 1) }), /data behind/);
  });

  test('is known by its first four bytes, and by no less', () => {
    assert.equal(looksLikeHcl(Buffer.from('HCLA')), true);
    assert.equal(looksLikeHcl(Buffer.from('HCL')), false);
  });
});

describe('a TPM quote', () => {
  test('is read from real evidence as its index says', { skip: withoutVectors }, async () => {
    let seen = 0;
    for (const { file, expected } of vectors.filter(({ kind }) => kind === 'azure-snp-vtpm-evidence')) {
      const said = expected['tpm_quote'] as { nonce_hex: string; pcr_selection: number[]; pcr0: string };
      const result = await verifyEvidence({
        evidence: vector(file),
        endorsements: [],
        anchors: vendorAnchors,
        at: Date.parse(expected['suggested_now'] as string),
      });
      assert.equal(checkOf(result, 'azure/quote').status, 'pass', file);
      const quote = snpClaims(result).azure?.quote;
      assert.equal(Buffer.from(quote?.extraData ?? []).toString('hex'), said.nonce_hex);
      assert.deepEqual(quote?.pcrSelection, said.pcr_selection);
      assert.equal(Buffer.from(quote.pcrs[0] ?? []).toString('hex'), said.pcr0);
      seen += 1;
    }
    assert.equal(seen, 4);
  });

  test('in another shape is refused', () => {
    const refused = (message: Buffer, found: RegExp, values: readonly Buffer[] = pcrs): void => {
      assert.throws(
        () => readTpmQuote(message, Buffer.alloc(0), values),
        (error: unknown) => {
          assert.equal((error as { code?: string }).code, 'azure/malformed');
          assert.match((error as Error).message, found);
          return true;
        },
      );
    };
    const good = quoteMessage();
    for (let length = 0; length < good.length; length += 1)
      refused(good.subarray(0, length), /cut off|no TPM quote/);
    refused(quoteMessage({ magic: 1 }), /no TPM quote/);
    refused(quoteMessage({ banks: 2 }), /other than SHA-256/);
    refused(quoteMessage({ hash: 0x04 }), /other than SHA-256/);
    refused(quoteMessage({ behind: Buffer.of(0) }), /data behind/);
    refused(good, /a PCR that is missing/, pcrs.slice(1));
    refused(good, /not 32 bytes/, [Buffer.alloc(31), ...pcrs.slice(1)]);
    // All 24 registers may come along; the selected ones are used.
    const all = Array.from({ length: 24 }, (_, number) => Buffer.alloc(32, number));
    assert.deepEqual(readTpmQuote(good, Buffer.alloc(0), all).pcrs, pcrs);
  });
});
