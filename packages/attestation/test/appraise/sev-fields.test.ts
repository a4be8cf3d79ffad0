// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { appraise, parsePolicy, policyTemplate, type Check } from '@enarx/attestation';
import { EnarxError } from '@enarx/protocol';

import type { SevClaims } from '../../src/sev/claims.ts';
import { sevEvidence, sevPolicy } from './sev-evidence.ts';
import { hex } from './snp-evidence.ts';

const offline = { reportData: undefined };
const failures = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

const cases: Readonly<Record<string, { value: string; caught: Partial<SevClaims>; says: RegExp }>> = {
  'api-minimum': {
    value: '"0.22"',
    caught: { api: { major: 0, minor: 21 } },
    says: /: 0\.21; the policy wants at least 0\.22/,
  },
  'chips-accepted': {
    value: `["${hex(0xc1, 32)}"]`,
    caught: { chip: new Uint8Array(32) },
    says: /0000; the policy wants c1c1/,
  },
  'chips-refused': {
    value: `["${hex(0xc2, 32)}"]`,
    caught: { chip: new Uint8Array(32).fill(0xc2) },
    says: /c2c2; the policy wants not one of the 1 listed/,
  },
  owners: {
    value: `["${hex(0x0a, 32)}"]`,
    caught: { owner: new Uint8Array(32) },
    says: /0000; the policy wants 0a0a/,
  },
};

suite('each field of [sev] has evidence that passes and evidence that only it catches', () => {
  for (const [field, { value, caught, says }] of Object.entries(cases))
    test(`sev.${field} = ${value}`, () => {
      const id = `policy/sev-${field}`;
      const text = sevPolicy({ [field]: value });
      const policy = parsePolicy(text);
      const good = appraise(sevEvidence(), policy, offline);
      assert.deepEqual(failures(good), []);
      assert.equal(good.find((check) => check.id === id)?.status, 'pass');
      const bad = appraise(sevEvidence(caught), policy, offline);
      assert.deepEqual(failures(bad), [id]);
      const check = bad.find((one) => one.id === id) as Check;
      assert.match(check.detail, says);
      assert.equal(
        check.policyLine,
        text.split('\n').findIndex((line) => line.startsWith(`${field} = `)) + 1,
      );
      assert.deepEqual(failures(appraise(sevEvidence(caught), parsePolicy(sevPolicy()), offline)), []);
    });

  test('no field is without a case', () => {
    const ids = appraise(sevEvidence(), parsePolicy(sevPolicy()), offline).map(({ id }) => id);
    assert.deepEqual(
      ids.slice(3),
      Object.keys(cases).map((field) => `policy/sev-${field}`),
    );
  });
});

test('the element of a list that refuses a chip gives the line', () => {
  const text = sevPolicy({ 'chips-refused': `[\n  "${hex(0xc2, 32)}",\n  "${hex(0xc1, 32)}",\n]` });
  const refused = appraise(sevEvidence(), parsePolicy(text), offline).find(({ status }) => status === 'fail');
  assert.equal(refused?.policyLine, text.slice(0, text.indexOf(hex(0xc1, 32))).split('\n').length);
});

test('a platform has no report data: what is expected of it is refused, and nothing need be', () => {
  for (const word of ['"any"', '"required"']) {
    const policy = parsePolicy(sevPolicy().replace('report-data = "any"', `report-data = ${word}`));
    const checks = appraise(sevEvidence(), policy, offline);
    assert.equal(checks.find(({ id }) => id === 'policy/report-data')?.status, 'not-applicable');
    assert.deepEqual(failures(appraise(sevEvidence(), policy, { reportData: new Uint8Array(64) })), [
      'policy/report-data',
    ]);
  }
});

test('the template of a platform accepts it, names its chip and warns of what legacy SEV is', () => {
  const verified = sevEvidence();
  const { claims } = verified;
  const template = policyTemplate({
    format: 'sev',
    simulated: false,
    checks: [],
    claims,
    verified,
  });
  assert.deepEqual(failures(appraise(verified, parsePolicy(template), offline)), []);
  assert.match(template, /WARNING: legacy SEV does not keep the host/);
  assert.match(template, new RegExp(`^chips-accepted = \\["${hex(0xc1, 32)}"\\]$`, 'm'));
});

test('a table of a kind that is not accepted is refused, and so is a kind without its table', () => {
  const found = (text: string): string | undefined => {
    try {
      parsePolicy(text);
    } catch (error) {
      if (error instanceof EnarxError) return error.found;
    }
    return undefined;
  };
  assert.match(
    found(sevPolicy().replace('["sev"]', '["snp"]')) ?? '',
    /^line 2, sev: tees does not name "sev"|snp: missing/,
  );
  assert.match(found(sevPolicy().replace('["sev"]', '["snp", "sev"]')) ?? '', /^line 1, snp: missing/);
  assert.match(
    found(`${sevPolicy()}[snp]\n`) ?? '',
    /^line 13, snp: tees does not name "snp"; name it there or take the table away$/,
  );
});
