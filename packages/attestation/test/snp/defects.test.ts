// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { vendorAnchors } from '../../src/anchors.ts';
import { appraise } from '../../src/appraise/index.ts';
import { derIa5String, derInteger } from '../../src/der/index.ts';
import { readPem } from '../../src/pem.ts';
import { parsePolicy, policyTemplate } from '../../src/policy/index.ts';
import type { Verification, VerifiedEvidence } from '../../src/verification.ts';
import { verifyEvidence } from '../../src/verify.ts';
import {
  amdName,
  amdOid,
  at,
  basicConstraints,
  certify,
  chipId,
  extensionsOf,
  fakeAmd,
  issueList,
  keyUsage,
  rsaAuthority,
  vcekExtensions,
  wrapped,
  type FakeAmd,
} from '../support/fake-amd.ts';
import { samples, vector, withoutVectors } from '../support/vectors.ts';
import { assertOnly, checkOf, failures, verifiedClaims, verifyFake } from '../support/verifying.ts';

// Each of these was, or is, wrong in a published verifier. One more cannot be seen here: a build for browsers that leaves out checks which
// the build for Node has. test/browser.test.ts runs the same judge over the same evidence in both.

let amd: FakeAmd;
before(async () => {
  amd = await fakeAmd();
});

type Sample = (typeof samples)[keyof typeof samples];
const verifySample = (sample: Sample, ...more: Uint8Array[]): Promise<Verification> =>
  verifyEvidence({
    evidence: vector(sample.report),
    endorsements: [vector(sample.vek), ...more],
    anchors: vendorAnchors,
    at: Date.parse(sample.at),
  });

describe('defects of other verifiers', () => {
  test('a root that comes with the evidence is not trusted for being there', async () => {
    await assertOnly(
      'x509/anchor',
      /none of the trusted ones/,
      verifyFake(amd, { options: { anchors: vendorAnchors } }),
    );
  });

  test('a root with a trusted key and other fields must still be signed by that key', async () => {
    const thief = await rsaAuthority('ARK-Milan');
    const ark = await certify(
      amd.ark,
      { ...thief, name: amd.ark.name },
      {
        notAfter: at + 1e12,
        extensions: [basicConstraints(true), keyUsage(0x06)],
      },
    );
    await assertOnly('x509/signatures', /ARK-Milan by ARK-Milan/, verifyFake(amd, { ark }));
  });

  test('the checks of chip and provider run for the names that AMD really uses', async () => {
    const other = Uint8Array.from(chipId, (byte) => byte ^ 1);
    await assertOnly(
      'snp/chip-certified',
      /for the chip/,
      verifyFake(amd, { vek: await amd.vcek({ [amdOid('4')]: other }) }),
    );
    const short = await certify({ name: amdName('VCEK'), publicKey: amd.vek.publicKey }, amd.ask, {
      extensions: extensionsOf(vcekExtensions('Milan', other)),
    });
    await assertOnly('snp/endorsements-complete', /no VCEK certificate/, verifyFake(amd, { vek: short }));
  });

  test('a missing extension is a failure and not a check left out', async () => {
    for (const suffix of ['3.1', '3.2', '3.3', '3.8', '4'])
      await assertOnly(
        'snp/key-certificate',
        /no extension|without hardware id/,
        verifyFake(amd, { vek: await amd.vcek({ [amdOid(suffix)]: undefined }) }),
      );
  });

  test('a patch level is read whole: 0x00DB is 219, and 0x01DB is not', async () => {
    assert.deepEqual(failures(await verifyFake(amd)), []);
    await assertOnly(
      'snp/key-certificate',
      /the integer 475/,
      verifyFake(amd, { vek: await amd.vcek({ [amdOid('3.8')]: derInteger(0x1db) }) }),
    );
  });

  test('the hardware id is compared whole, in both encodings', async () => {
    assert.deepEqual(
      failures(await verifyFake(amd, { vek: await amd.vcek({ [amdOid('4')]: wrapped(chipId) }) })),
      [],
    );
    for (const value of [chipId.subarray(0, 63), wrapped(chipId.subarray(0, 8))])
      await assertOnly(
        'snp/key-certificate',
        /hardware id/,
        verifyFake(amd, { vek: await amd.vcek({ [amdOid('4')]: value }) }),
      );
  });

  test('a VLEK beside the VCEK is not preferred to it', async () => {
    const result = await verifyFake(amd, {
      vek: await amd.vlek(),
      more: [amd.certificates.asvk, await amd.vcek()],
    });
    assert.deepEqual(failures(result), []);
    assert.equal(verifiedClaims(result).signingKey, 'vcek');
  });

  test('a certificate for the current TCB does not stand for the reported one', async () => {
    const report = await amd.report({ 0x180: [4, 0, 0, 0, 0, 0, 23, 219] });
    await assertOnly(
      'snp/tcb-certified',
      /fetch the certificate for the reported TCB/,
      verifyFake(amd, { report }),
    );
  });

  test('a product name that only begins like one is none', async () => {
    await assertOnly(
      'snp/key-certificate',
      /the product Milano/,
      verifyFake(amd, { vek: await amd.vcek({ [amdOid('2')]: derIa5String('Milano') }) }),
    );
  });

  test('a report of the host is no evidence of a guest, and VMPL 1 is not VMPL 0', async () => {
    const byHost = await amd.report({ 0x30: [255, 255, 255, 255] });
    await assertOnly('snp/requested-by-guest', /the host/, verifyFake(amd, { report: byHost }));
    const result = await verifyFake(amd, { report: await amd.report({ 0x30: [1] }) });
    assert.equal(verifiedClaims(result).report.vmpl, 1);
  });

  test('a signing authority that AMD has revoked vouches for nothing more, whatever the version of the report', async () => {
    const revoked = await issueList(amd.ark, { revoked: [0x10001] });
    for (const version of [2, 3, 5]) {
      // Before version 3, and before version 5, what stands in these fields was reserved.
      const older = version < 3 ? { 0x188: [0, 0, 0] } : {};
      const report = await amd.report({ 0: [version], ...older });
      assert.deepEqual(failures(await verifyFake(amd, { report })), []);
      await assertOnly('x509/not-revoked', /SEV-Milan/, verifyFake(amd, { report, more: [revoked] }));
    }
  });

  test('evidence of Milan, Genoa and Turin verifies alike, each under its own root only', async () => {
    for (const product of ['Milan', 'Genoa', 'Turin'] as const) {
      const made = await fakeAmd(product);
      const result = await verifyFake(made);
      assert.deepEqual(failures(result), [], product);
      assert.equal(verifiedClaims(result).product, product);
      await assertOnly(
        'x509/anchor',
        /none of the trusted/,
        verifyFake(made, { options: { anchors: [amd.anchor] } }),
      );
    }
  });

  test('the bytes that came are verified, not what was understood of them', async () => {
    // Bits without a name, which no decoded form of the report has a field for.
    const unnamed = { 0x0b: [0x40], 0x47: [0x80] };
    const report = await amd.report(unnamed);
    assert.deepEqual(failures(await verifyFake(amd, { report })), []);
    for (const at of [0x0b, 0x47])
      await assertOnly('snp/signature', /./, verifyFake(amd, { report: report.with(at, 0) }));
  });

  test('the same measurement in a guest that may be debugged is another guest', async () => {
    const good = await verifyFake(amd);
    const bad = await verifyFake(amd, { report: await amd.report({ 0x08: [0, 0, 0x0b] }) });
    const text = policyTemplate(good);
    const failuresOf = ({ verified }: Verification): string[] =>
      appraise(verified as VerifiedEvidence, parsePolicy(text), { reportData: undefined })
        .filter(({ status }) => status === 'fail')
        .map(({ id }) => id);
    assert.deepEqual(verifiedClaims(bad).report.measurement, verifiedClaims(good).report.measurement);
    assert.deepEqual(failuresOf(good), []);
    assert.deepEqual(failuresOf(bad), ['policy/snp-guest-policy-debug']);
    // Nor can it be left out of a policy.
    const without = text.replace(/^debug = .*$/m, '');
    assert.notEqual(without, text);
    assert.throws(() => parsePolicy(without), { message: /debug/ });
  });

  test('debugging is among the claims, not lost beside a good signature', async () => {
    const result = await verifyFake(amd, { report: await amd.report({ 0x08: [0, 0, 0x0b] }) });
    assert.equal(verifiedClaims(result).report.policy.debug, true);
  });
});

describe('defects of other verifiers, on real evidence', { skip: withoutVectors }, () => {
  test('platform information with bit 6, which every Turin sets, is not refused', async () => {
    const result = await verifySample(samples.turin);
    assert.deepEqual(failures(result), []);
    assert.equal(verifiedClaims(result).report.platformInfo.unknown, 0x40n);
  });

  test('a chain that holds the issuer of another kind of key is not followed by position', async () => {
    const wrongChain = vector('google+go-sev-guest/verify/trust/ask_ark_milan_vlek.pem');
    const result = await verifySample(samples.milan, wrongChain);
    assert.deepEqual(failures(result), []);
    assert.match(checkOf(result, 'snp/endorsements-complete').detail, /SEV-VCEK, SEV-Milan, ARK-Milan/);
  });

  test('authorities of all products and kinds in one heap are told apart', async () => {
    const heap = ['milan', 'genoa', 'turin_vcek', 'milan_vlek', 'genoa_vlek', 'turin_vlek'].map((name) =>
      vector(`google+go-sev-guest/verify/trust/ask_ark_${name}.pem`),
    );
    for (const sample of Object.values(samples))
      assert.deepEqual(failures(await verifySample(sample, ...heap)), [], sample.report);
  });

  test('each certificate fits its own report and no other', async () => {
    for (const [reportName, { report, at: time }] of Object.entries(samples)) {
      for (const [vekName, { vek }] of Object.entries(samples)) {
        const result = await verifyEvidence({
          evidence: vector(report),
          endorsements: [vector(vek)],
          anchors: vendorAnchors,
          at: Date.parse(time),
        });
        assert.equal(result.verified !== undefined, reportName === vekName, `${reportName} with ${vekName}`);
      }
    }
  });

  test('an edited certificate with a good hardware id is still refused', async () => {
    const base = 'confidential-containers+trustee/deps/verifier/test_data/snp';
    for (const name of ['legacy', 'new']) {
      const result = await verifyEvidence({
        evidence: vector(`${base}/test-report.bin`),
        endorsements: [vector(`${base}/test-vcek-invalid-${name}.der`)],
        anchors: vendorAnchors,
        at: Date.parse('2023-10-01T00:00:00Z'),
      });
      assert.ok(failures(result).includes('x509/signatures'));
      assert.match(checkOf(result, 'snp/signature').detail, /^not reached/);
    }
  });

  test('a VLEK of one year that has ended is refused', async () => {
    const { report, vek } = samples.vlek;
    const result = await verifyEvidence({
      evidence: vector(report),
      endorsements: [vector(vek)],
      anchors: vendorAnchors,
      at: Date.parse('2025-12-11T00:00:00Z'),
    });
    await assertOnly('x509/validity', /SEV-VLEK is valid from .* to 2025-12-10T22:14:21Z/, result);
  });

  test('a key that AMD certified again has another certificate and verifies the same report', async () => {
    const again = vector('microsoft+TEE-Attestation-Verification/src/crypto/test_data/milan_vcek.pem');
    const [first] = readPem(vector(samples.milan.vek).toString());
    const [second] = readPem(again.toString());
    assert.notDeepEqual(first?.content, second?.content);
    const result = await verifyEvidence({
      evidence: vector(samples.milan.report),
      endorsements: [again],
      anchors: vendorAnchors,
      at: Date.parse(samples.milan.at),
    });
    assert.deepEqual(failures(result), []);
  });
});
