// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';

import {
  attest,
  noPolicy,
  parsePolicy,
  policyTemplate,
  releasePolicy,
  verifyEvidence,
  type AttestOptions,
  type Policy,
  type Verdict,
} from '@enarx/attestation';
import { EnarxError, toHex } from '@enarx/protocol';

import { anchor, good } from '../sev/made-platform.ts';
import { at, fakeAmd, type FakeAmd } from '../support/fake-amd.ts';

let amd: FakeAmd;
let options: Omit<AttestOptions, 'policy' | 'reportData'>;
let policy: Policy;
let reportData: Uint8Array;

before(async () => {
  amd = await fakeAmd();
  const evidence = await amd.report();
  reportData = evidence.slice(0x50, 0x90);
  options = {
    evidence,
    endorsements: [await amd.vcek(), amd.certificates.ask, amd.certificates.ark],
    anchors: [amd.anchor],
    at,
  };
  policy = parsePolicy(policyTemplate(await verifyEvidence(options)));
});

const failed = ({ checks }: Verdict): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

suite('attesting', () => {
  test('accepts evidence that verifies and that the policy wants, and says that it is simulated', async () => {
    const verdict = await attest({ ...options, policy, reportData });
    assert.equal(verdict.verdict, 'accepted');
    assert.equal(verdict.simulated, true);
    assert.equal(verdict.format, 'snp');
    assert.ok(verdict.claims);
  });

  test('rejects what verifies and is not wanted', async () => {
    const other = releasePolicy({ measurements: [new Uint8Array(48).fill(0xee)] });
    const verdict = await attest({ ...options, policy: other, reportData });
    assert.equal(verdict.verdict, 'rejected');
    assert.ok(failed(verdict).includes('policy/snp-measurements'));
    assert.ok(failed(verdict).every((id) => id.startsWith('policy/')));
  });

  test('does not appraise what does not verify, but lists what it would have looked at', async () => {
    const evidence = options.evidence.slice();
    evidence[0x90] = (evidence[0x90] as number) ^ 1;
    const verdict = await attest({ ...options, evidence, policy, reportData });
    assert.equal(verdict.verdict, 'rejected');
    assert.deepEqual(failed(verdict), ['snp/signature']);
    const appraised = verdict.checks.filter(({ id }) => id.startsWith('policy/'));
    assert.ok(appraised.length > 40);
    assert.ok(appraised.every(({ detail }) => detail === 'not reached: the evidence did not verify'));
  });

  test('accepts nothing without an anchor, and nothing of a report that cannot be read', async () => {
    assert.equal((await attest({ ...options, anchors: [], policy, reportData })).verdict, 'rejected');
    const evidence = options.evidence.slice();
    evidence[0] = 9;
    const verdict = await attest({ ...options, evidence, policy, reportData });
    assert.equal(verdict.verdict, 'rejected');
    assert.equal(verdict.claims, undefined);
    assert.equal(verdict.unreadable, 'unsupported');
    assert.ok(!('unreadable' in (await attest({ ...options, policy, reportData }))));
  });

  test('without a policy still needs evidence that verifies, and holds the report data', async () => {
    const good = await attest({ ...options, policy: noPolicy, reportData });
    assert.equal(good.verdict, 'accepted');
    assert.equal(good.checks.at(-1)?.id, 'policy/report-data');
    assert.equal(good.checks.at(-1)?.status, 'pass');
    const stored = await attest({ ...options, policy: noPolicy, reportData: undefined });
    assert.equal(stored.verdict, 'accepted');
    assert.equal(stored.checks.at(-1)?.status, 'not-applicable');
    const other = await attest({ ...options, policy: noPolicy, reportData: new Uint8Array(64) });
    assert.equal(other.verdict, 'rejected');
    assert.deepEqual(failed(other), ['policy/report-data']);
    const forged = await attest({ ...options, anchors: [], policy: noPolicy, reportData });
    assert.equal(forged.verdict, 'rejected');
    assert.ok(forged.checks.every(({ id }) => !id.startsWith('policy/')));
  });

  test('leaves the evidence as it was given, also where it is a Buffer of Node', async () => {
    const evidence = Buffer.from(options.evidence);
    const endorsements = options.endorsements.map((bytes) => Buffer.from(bytes));
    for (let time = 0; time < 2; time += 1) {
      const verdict = await attest({ ...options, evidence, endorsements, policy, reportData });
      assert.equal(verdict.verdict, 'accepted');
    }
    assert.deepEqual(new Uint8Array(evidence), options.evidence);
  });

  test('refuses more than a mebibyte of evidence or of endorsements, whatever it is', async () => {
    const much = new Uint8Array(1_048_577);
    for (const changed of [{ evidence: much }, { endorsements: [much.subarray(1), much.subarray(0, 1)] }])
      await assert.rejects(
        attest({ ...options, ...changed, policy, reportData }),
        (error) => error instanceof EnarxError && error.code === 'evidence/too-large',
      );
  });
});

suite('certificates of a SEV platform', () => {
  test('are evidence too, in binary, hex or base64, and make a policy that accepts them', async () => {
    const { pdh: first, ...rest } = good;
    const others = Object.values(rest);
    const text = (words: string): Uint8Array => new TextEncoder().encode(words);
    for (const form of [
      (bytes: Uint8Array) => bytes,
      (bytes: Uint8Array) => text(toHex(bytes)),
      (bytes: Uint8Array) => text(Buffer.from(bytes).toString('base64')),
    ]) {
      const given = { evidence: form(first), endorsements: others.map(form), anchors: [anchor], at };
      const platformPolicy = parsePolicy(policyTemplate(await verifyEvidence(given)));
      const verdict = await attest({ ...given, policy: platformPolicy, reportData: undefined });
      assert.equal(verdict.format, 'sev');
      assert.equal(verdict.verdict, 'accepted');
      assert.equal((await attest({ ...given, policy, reportData: undefined })).verdict, 'rejected');
    }
  });

  test('are not enough where one is missing, or where something else is among them', async () => {
    const { pdh: first, ...rest } = good;
    const others = Object.values(rest);
    for (const endorsements of [[], others.slice(1), [...others, new TextEncoder().encode('hello')]])
      await assert.rejects(
        verifyEvidence({ evidence: first, endorsements, anchors: [anchor], at }),
        (error) => error instanceof EnarxError && error.kind === 'malformed',
      );
  });
});
