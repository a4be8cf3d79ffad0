// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';

import {
  anchorFromPem,
  vendorAnchors,
  verifyEvidence,
  type Anchor,
  type SgxClaims,
  type TdxClaims,
  type Verification,
} from '@enarx/attestation';
import { decodeCbor, encodeCbor, toHex, type CborValue } from '@enarx/protocol';
import {
  createSimulatedIntelPlatform,
  exportIntelPlatform,
  importIntelPlatform,
  simulatedIntelChip,
} from '@enarx/simulator/intel';

import { intelMaterialOf } from '../../src/intel/platform.ts';

const platform = await createSimulatedIntelPlatform();
const anchor = await anchorFromPem(platform.anchorPem);
const reportData = Uint8Array.from({ length: 64 }, (_, index) => index);
/** 2026-06-01. */
const at = 1_780_272_000_000;

function verify(
  evidence: Uint8Array,
  anchors: readonly Anchor[] = [anchor],
  endorsements = platform.collateral,
): Promise<Verification<SgxClaims | TdxClaims>> {
  return verifyEvidence({ evidence, endorsements, anchors, at }) as Promise<
    Verification<SgxClaims | TdxClaims>
  >;
}

const failedChecks = ({ checks }: Verification): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

suite('quotes of a simulated Intel platform', () => {
  for (const version of [3, 4, 5] as const)
    test(`an enclave’s, version ${String(version)}, is genuine under the platform’s own anchor, and called simulated`, async () => {
      const mrEnclave = new Uint8Array(32).fill(0xe1);
      const quote = await platform.enclave({ mrEnclave, isvProdId: 7, isvSvn: 9 }, version).quote(reportData);
      const result = await verify(quote);
      assert.deepEqual(failedChecks(result), [], JSON.stringify(result.checks));
      assert.equal(result.simulated, true);
      const claims = result.verified?.claims;
      assert.equal(claims?.format, 'sgx');
      assert.equal(claims.quote.version, version);
      assert.equal(claims.tcb?.status, 'UpToDate');
      assert.deepEqual(claims.report.mrEnclave, mrEnclave);
      assert.deepEqual([claims.report.isvProdId, claims.report.isvSvn], [7, 9]);
      assert.deepEqual(claims.report.reportData, reportData);
    });

  for (const version of [4, 5] as const)
    test(`a trust domain’s, version ${String(version)}, is genuine under the platform’s own anchor, and called simulated`, async () => {
      const mrTd = new Uint8Array(48).fill(0xd1);
      const result = await verify(await platform.trustDomain({ mrTd }, version).quote(reportData));
      assert.deepEqual(failedChecks(result), [], JSON.stringify(result.checks));
      assert.equal(result.simulated, true);
      const claims = result.verified?.claims;
      assert.equal(claims?.format, 'tdx');
      assert.equal(claims.report.version, version === 4 ? '1.0' : '1.5');
      assert.equal(claims.tcb?.status, 'UpToDate');
      assert.deepEqual(claims.report.mrTd, mrTd);
    });

  test('without an enclave’s or guest’s fields they say nothing of anybody', async () => {
    for (const quote of [
      await platform.enclave().quote(reportData),
      await platform.trustDomain().quote(reportData),
    ]) {
      const { verified } = await verify(quote);
      assert.ok(verified);
    }
  });

  test('they are refused under Intel’s root and under another platform’s', async () => {
    const quote = await platform.enclave().quote(reportData);
    const other = await anchorFromPem((await createSimulatedIntelPlatform()).anchorPem);
    for (const anchors of [vendorAnchors, [other], []])
      assert.deepEqual(failedChecks(await verify(quote, anchors)), [
        'x509/anchor',
        'quote/tcb-signing-chain',
      ]);
  });

  test('another platform’s collateral is of no use for them', async () => {
    const other = await createSimulatedIntelPlatform();
    const quote = await platform.enclave().quote(reportData);
    const result = await verify(quote, [anchor], other.collateral);
    assert.ok(failedChecks(result).includes('quote/tcb-signing-chain'));
    assert.ok(failedChecks(result).includes('quote/pck-revocation'));
  });

  test('report data of another length is refused', async () => {
    for (const tee of [platform.enclave(), platform.trustDomain()])
      await assert.rejects(tee.quote(new Uint8Array(63)), { code: 'intel-platform/report-data' });
  });
});

suite('a simulated Intel platform', () => {
  test('names in each certificate that it is simulated', () => {
    const { root, authority, signer, pck } = intelMaterialOf(platform);
    for (const certificate of [root, authority, signer, pck]) {
      const { subject, issuer } = new X509Certificate(certificate);
      assert.match(subject, /O=SIMULATED by Enarx/);
      assert.match(issuer, /O=SIMULATED by Enarx/);
    }
  });

  test('is valid from the time that it is told', async () => {
    const from = Date.parse('2030-01-01T00:00:00Z');
    const { anchorPem } = await createSimulatedIntelPlatform({ from });
    const { validFrom, validTo } = new X509Certificate(anchorPem);
    assert.equal(Date.parse(validFrom), from);
    assert.equal(Date.parse(validTo) - from, 25 * 365.25 * 86_400_000);
  });

  test('is the same after it was stored', async () => {
    const again = await importIntelPlatform(await exportIntelPlatform(platform));
    assert.equal(again.anchorPem, platform.anchorPem);
    const result = await verify(await again.trustDomain().quote(reportData));
    assert.deepEqual(failedChecks(result), []);
    assert.equal(toHex(result.claims?.platform?.fmspc as Uint8Array), toHex(simulatedIntelChip.fmspc));
  });

  test('is not stored when another module made it', async () => {
    await assert.rejects(exportIntelPlatform({} as typeof platform), TypeError);
  });

  test('is refused from a file that is cut, altered or of another kind', async () => {
    const file = await exportIntelPlatform(platform);
    const altered = new Uint8Array(file);
    altered[1000] = (altered[1000] as number) ^ 1;
    const items = decodeCbor(file, 32_768) as CborValue[];
    const digest = async (content: readonly CborValue[]): Promise<CborValue> =>
      new Uint8Array(await crypto.subtle.digest('SHA-384', encodeCbor(content)));
    const resealed = async (content: readonly CborValue[]): Promise<Uint8Array> =>
      encodeCbor([...content, await digest(content)]);
    const content = items.slice(0, -1);
    for (const bad of [
      file.subarray(0, -1),
      altered,
      encodeCbor(['enarx-simulated-processor/1']),
      encodeCbor(items.map((item, index) => (index === 0 ? 'another' : item))),
      encodeCbor([...content, 'no digest']),
      await resealed(content.map((item, index) => (index === 11 ? new Uint8Array(9) : item))),
      await resealed(content.map((item, index) => (index === 3 ? 'no bytes' : item))),
      encodeCbor({ a: 1 }),
    ])
      await assert.rejects(importIntelPlatform(bad), { code: 'intel-platform/file-malformed' });
  });
});
