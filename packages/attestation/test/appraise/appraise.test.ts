// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import {
  amdAnchors,
  awsAnchors,
  appraise,
  explainPolicy,
  parsePolicy,
  releasePolicy,
  type Anchor,
  type Check,
} from '@enarx/attestation';
import { EnarxError } from '@enarx/protocol';

import { sameBytes } from '../../src/appraise/report-data.ts';
import { lineOfField, openPolicy, policyText } from '../policy/policy-text.ts';
import { sevEvidence, sevPolicy, sevTable } from './sev-evidence.ts';
import { hex, snpEvidence } from './snp-evidence.ts';

const offline = { reportData: undefined };
const simulated: Anchor = {
  vendor: 'amd',
  name: 'ARK-Simulated',
  spkiDigest: new Uint8Array(32).fill(9),
  simulated: true,
};

const failures = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
function checkOf(checks: readonly Check[], id: string): Check {
  const found = checks.find((one) => one.id === id);
  assert.ok(found, id);
  return found;
}

suite('the report data', () => {
  const expected = new Uint8Array(64).fill(0xda);

  test('is accepted when all 64 bytes are those expected, and refused when any bit is another', () => {
    for (const word of ['"any"', '"required"']) {
      const text = policyText({ 'report-data': word });
      const policy = parsePolicy(text);
      const good = appraise(snpEvidence(), policy, { reportData: expected });
      assert.deepEqual(failures(good), []);
      assert.equal(checkOf(good, 'policy/report-data').status, 'pass');
      for (let bit = 0; bit < 512; bit += 1) {
        const other = expected.slice();
        other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7));
        const bad = appraise(snpEvidence(), policy, { reportData: other });
        assert.deepEqual(failures(bad), ['policy/report-data'], `bit ${bit}`);
        assert.equal(checkOf(bad, 'policy/report-data').policyLine, lineOfField(text, 'report-data'));
      }
    }
  });

  test('is refused when what is expected is a part of it, or more than it', () => {
    const policy = parsePolicy(openPolicy);
    for (const length of [0, 32, 63, 65, 128])
      assert.deepEqual(
        failures(appraise(snpEvidence(), policy, { reportData: new Uint8Array(length).fill(0xda) })),
        ['policy/report-data'],
      );
    // Zeros that stand for nothing must not make up for bytes that are missing.
    const zeros = snpEvidence({ report: { 0x050: Array<number>(64).fill(0) } });
    assert.deepEqual(failures(appraise(zeros, policy, { reportData: new Uint8Array(63) })), [
      'policy/report-data',
    ]);
    assert.deepEqual(failures(appraise(zeros, policy, { reportData: new Uint8Array(65) })), [
      'policy/report-data',
    ]);
  });

  test('that nobody expects is refused where it is required, and said to be of any age where not', () => {
    const required = appraise(
      snpEvidence(),
      parsePolicy(policyText({ 'report-data': '"required"' })),
      offline,
    );
    assert.deepEqual(failures(required), ['policy/report-data']);
    assert.match(checkOf(required, 'policy/report-data').detail, /of any age.*--report-data/);
    const any = checkOf(appraise(snpEvidence(), parsePolicy(openPolicy), offline), 'policy/report-data');
    assert.equal(any.status, 'not-applicable');
    assert.match(any.detail, /of any age; it has dada/);
  });
});

suite('the anchor', () => {
  const anchorCheck = (changes: Readonly<Record<string, string>>, anchor: Anchor): Check => {
    const checks = appraise(snpEvidence({ anchor }), parsePolicy(policyText(changes)), offline);
    const check = checkOf(checks, 'policy/anchor');
    assert.deepEqual(failures(checks), check.status === 'fail' ? ['policy/anchor'] : []);
    return check;
  };
  const listed = { 'anchors.simulated': `["${hex(8, 32)}", "${hex(9, 32)}"]` };
  const [naples, , milan, genoa] = amdAnchors as [Anchor, Anchor, Anchor, Anchor];

  test('is accepted when the policy lists it or any of its vendor', () => {
    assert.equal(anchorCheck({}, naples).status, 'pass');
    const check = anchorCheck({ 'anchors.amd': '[\n"ARK-Turin",\n"ARK-Genoa"]' }, genoa);
    assert.equal(check.status, 'pass');
    assert.equal(check.policyLine, 8);
  });

  test('is refused when the policy lists others or none', () => {
    const other = anchorCheck({ 'anchors.amd': '["ARK-Genoa", "ARK-Turin"]' }, milan);
    assert.equal(other.status, 'fail');
    assert.match(other.detail, /^ARK-Milan, .*wants ARK-Genoa, ARK-Turin\. Use a host/);
    assert.equal(other.policyLine, 6);
    const none = anchorCheck({ 'anchors.amd': '"none"', ...listed }, milan);
    assert.equal(none.status, 'fail');
    assert.match(none.detail, /wants no vendor root/);
  });

  test('of a vendor of whom the policy does not speak is refused', () => {
    const check = anchorCheck({}, awsAnchors[0] as Anchor);
    assert.equal(check.status, 'fail');
    assert.match(check.detail, /wants no vendor root/);
  });

  test('of a simulated processor is refused unless the policy lists its very key', () => {
    for (const changes of [{}, { 'anchors.simulated': `["${hex(8, 32)}"]` }]) {
      const check = anchorCheck(changes, simulated);
      assert.equal(check.status, 'fail');
      assert.match(check.detail, /SIMULATED anchor ARK-Simulated \(key 0909/);
      assert.equal(check.policyLine, 7);
    }
    const check = anchorCheck(listed, simulated);
    assert.equal(check.status, 'pass');
    assert.match(check.detail, /SIMULATED/);
  });

  test('of a simulated processor gains nothing from the name of a vendor root', () => {
    const check = anchorCheck({ 'anchors.amd': '["ARK-Milan"]' }, { ...simulated, name: 'ARK-Milan' });
    assert.equal(check.status, 'fail');
  });
});

suite('evidence of a kind that the policy does not accept', () => {
  test('fails policy/tee, and nothing else of it is looked at', () => {
    for (const [evidence, text, accepted] of [
      [snpEvidence(), sevPolicy(), 'snp evidence; the policy accepts sev'],
      [sevEvidence(), openPolicy, 'sev evidence; the policy accepts snp'],
    ] as const) {
      const checks = appraise(evidence, parsePolicy(text), offline);
      assert.deepEqual(failures(checks), ['policy/tee']);
      assert.ok(checkOf(checks, 'policy/tee').detail.includes(accepted));
      assert.equal(checkOf(checks, 'policy/tee').policyLine, 2);
      assert.ok(
        checks
          .slice(1)
          .every(({ status, detail }) => status === 'not-applicable' && detail.startsWith('not reached')),
      );
    }
  });

  test('an accepted kind passes it, also as one of several', () => {
    const both = openPolicy.replace('["snp"]', '[\n"sev",\n"snp"]') + sevTable();
    for (const [text, line] of [
      [openPolicy, 2],
      [both, 4],
    ] as const) {
      const check = checkOf(appraise(snpEvidence(), parsePolicy(text), offline), 'policy/tee');
      assert.equal(check.status, 'pass');
      assert.equal(check.policyLine, line);
    }
    assert.deepEqual(failures(appraise(sevEvidence(), parsePolicy(both), offline)), []);
  });
});

suite('what a client of a release expects of a simulated Keep', () => {
  const digest = new Uint8Array(48).fill(0x3e);
  const policy = releasePolicy({ measurements: [new Uint8Array(48), digest] });
  const reportData = new Uint8Array(64).fill(0xda);
  const good = { anchor: simulated };

  test('is a loader of the release under the simulated anchor that the caller passed, fresh', () => {
    const checks = appraise(snpEvidence(good), policy, { reportData });
    assert.deepEqual(failures(checks), []);
    assert.ok(checks.every(({ policyLine }) => policyLine === undefined));
    assert.deepEqual(policy.tees, ['snp']);
    // What passed needs no mending.
    assert.ok(
      checks.every(({ detail }) => !detail.endsWith('.')),
      JSON.stringify(checks),
    );
    assert.match(checkOf(checks, 'policy/anchor').detail, /SIMULATED.*which the caller passed/);
    assert.ok(explainPolicy(policy).every(({ line }) => line === undefined));
    assert.match(
      explainPolicy(policy).find(({ field }) => field === 'anchors.simulated')?.means ?? '',
      /: any$/,
    );
  });

  test('is not another loader, another level, a guest open to its host, a vendor root, or stale', () => {
    const cases = {
      'policy/snp-measurements': snpEvidence({ ...good, report: { 0x0bf: 0 } }),
      'policy/snp-vmpl': snpEvidence({ ...good, report: { 0x030: 1 } }),
      'policy/snp-guest-policy-debug': snpEvidence({ ...good, report: { 0x00a: 0b1010 } }),
      'policy/snp-guest-policy-migrate-ma': snpEvidence({ ...good, report: { 0x00a: 0b110 } }),
      'policy/anchor': snpEvidence(),
    };
    for (const [id, evidence] of Object.entries(cases))
      assert.deepEqual(failures(appraise(evidence, policy, { reportData })), [id]);
    assert.deepEqual(failures(appraise(snpEvidence(good), policy, offline)), ['policy/report-data']);
    assert.deepEqual(failures(appraise(snpEvidence(good), policy, { reportData: new Uint8Array(64) })), [
      'policy/report-data',
    ]);
  });

  test('cannot be nothing, nor a digest of another size', () => {
    for (const measurements of [[], [new Uint8Array(32)], [digest, new Uint8Array(49)]])
      assert.throws(
        () => releasePolicy({ measurements }),
        (error) => error instanceof EnarxError && error.code === 'policy/invalid',
      );
    assert.throws(() => releasePolicy({ measurements: [] }), { found: 'measurements of no bytes' });
    assert.throws(() => releasePolicy({ measurements: [digest, new Uint8Array(49)] }), {
      found: 'measurements of 48, 49 bytes',
    });
  });
});

test('byte strings are the same only when all bytes and the lengths are', () => {
  assert.ok(sameBytes(new Uint8Array(0), new Uint8Array(0)));
  assert.ok(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)));
  assert.ok(!sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3)));
  assert.ok(!sameBytes(Uint8Array.of(1, 0), Uint8Array.of(1)));
  assert.ok(!sameBytes(Uint8Array.of(1), Uint8Array.of(1, 0)));
});
