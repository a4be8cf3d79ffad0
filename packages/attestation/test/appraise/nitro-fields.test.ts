// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import {
  appraise,
  awsAnchors,
  explainPolicy,
  parsePolicy,
  policyTemplate,
  type Check,
  type NitroClaims,
  type Verification,
  type VerifiedEvidence,
} from '@enarx/attestation';

import { nitroSection } from '../../src/policy/nitro/index.ts';
import { noList } from '../../src/x509/revocation.ts';
import { pcrOf } from '../support/fake-aws.ts';

const hex = (value: number, bytes = 48): string => value.toString(16).padStart(2, '0').repeat(bytes);

const usual: NitroClaims = {
  format: 'nitro',
  moduleId: 'i-0123456789abcdef0-enc0123456789abcdef',
  timestamp: 1_000_000,
  age: 60_000,
  pcrs: { 0: pcrOf(1), 1: pcrOf(2), 2: pcrOf(3), 3: pcrOf(4), 4: pcrOf(5), 8: pcrOf(0), 16: pcrOf(7) },
  debug: false,
  publicKey: undefined,
  userData: Uint8Array.of(0xab, 0xcd),
  nonce: new Uint8Array(0),
  revocation: noList,
};

function evidence(claims: Partial<NitroClaims> = {}): VerifiedEvidence {
  return {
    format: 'nitro',
    anchor: awsAnchors[0],
    simulated: false,
    at: 0,
    claims: { ...usual, ...claims },
  } as unknown as VerifiedEvidence;
}

const open = {
  images: '"any"',
  debug: '"any"',
  pcr3: '"any"',
  pcr4: '"any"',
  pcr8: '"any"',
  pcrs: '"any"',
  modules: '"any"',
  nonces: '"any"',
  'user-data': '"any"',
  'public-keys': '"any"',
  'most-age': '"any"',
};

function policy(changes: Readonly<Record<string, string>> = {}): string {
  const fields = Object.entries({ ...open, ...changes }).map(([key, value]) => `${key} = ${value}\n`);
  return `version = 1\ntees = ["nitro"]\nreport-data = "any"\n[anchors]\naws = "any"\nsimulated = "none"\n[nitro]\n${fields.join('')}`;
}

const image = (first: number): string =>
  `{ pcr0 = "${hex(first)}", pcr1 = "${hex(first + 1)}", pcr2 = "${hex(first + 2)}" }`;

function appraised(
  changes: Readonly<Record<string, string>>,
  claims?: Partial<NitroClaims>,
): readonly Check[] {
  return appraise(evidence(claims), parsePolicy(policy(changes)), { reportData: undefined });
}

const failed = (checks: readonly Check[]): readonly string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

interface Case {
  readonly field: keyof typeof open;
  readonly value: string;
  readonly passes?: Partial<NitroClaims>;
  readonly fails: Partial<NitroClaims>;
  readonly says: RegExp;
}

const cases: readonly Case[] = [
  {
    field: 'images',
    value: `[${image(9)}, ${image(1)}]`,
    fails: { pcrs: { ...usual.pcrs, 2: pcrOf(9) } },
    says: /PCR2 0909.*the policy wants one of the 2 listed\. Compare/,
  },
  { field: 'images', value: `[${image(1)}]`, fails: { pcrs: {} }, says: /PCR0 none.*the one listed/ },
  { field: 'debug', value: 'false', fails: { debug: true }, says: /: on; the policy wants not set/ },
  { field: 'debug', value: 'true', passes: { debug: true }, fails: {}, says: /: off; the policy wants set/ },
  { field: 'pcr3', value: `["${hex(4)}"]`, fails: { pcrs: { 3: pcrOf(5) } }, says: /0505/ },
  { field: 'pcr4', value: `["${hex(5)}"]`, fails: { pcrs: {} }, says: /none/ },
  { field: 'pcr8', value: `["${hex(0)}"]`, fails: { pcrs: { 8: pcrOf(1) } }, says: /0101/ },
  {
    field: 'pcrs',
    value: `{ 16 = ["${hex(7)}", "${hex(8)}"], 3 = ["${hex(4)}"] }`,
    fails: { pcrs: { 3: pcrOf(4), 16: pcrOf(1) } },
    says: /PCR16 0101.*wants listed values of PCR3, PCR16/,
  },
  {
    field: 'pcrs',
    value: `{ 17 = ["${hex(0)}"] }`,
    passes: { pcrs: { 17: pcrOf(0) } },
    fails: {},
    says: /PCR17 none/,
  },
  {
    field: 'modules',
    value: '["i-0123456789abcdef0"]',
    fails: { moduleId: 'i-0123456789abcdef-enc0' },
    says: /enc0/,
  },
  { field: 'modules', value: `["x", "${usual.moduleId}"]`, fails: { moduleId: 'y' }, says: /: y;/ },
  {
    field: 'nonces',
    value: '[""]',
    fails: { nonce: undefined },
    says: /none; the policy wants the one listed/,
  },
  { field: 'user-data', value: '["00", "ABCD"]', fails: { userData: new Uint8Array(0) }, says: /empty/ },
  {
    field: 'public-keys',
    value: '["01"]',
    passes: { publicKey: Uint8Array.of(1) },
    fails: { publicKey: Uint8Array.of(1, 0) },
    says: /0100/,
  },
  { field: 'most-age', value: '60', fails: { age: 60_001 }, says: /61 s; the policy wants at most 60 s/ },
];

suite('each field of [nitro]', () => {
  for (const { field, value, passes, fails, says } of cases)
    test(`${field} = ${value.slice(0, 40)} accepts what it lists and is the only one to refuse the rest`, () => {
      assert.deepEqual(failed(appraised({ [field]: value }, passes)), []);
      const checks = appraised({ [field]: value }, fails);
      assert.deepEqual(failed(checks), [`policy/nitro-${field}`]);
      assert.match(checks.find(({ status }) => status === 'fail')?.detail ?? '', says);
    });

  test('left open, none looks', () => {
    assert.deepEqual(failed(appraised({}, { debug: true, pcrs: {}, age: 1e12 })), []);
  });
});

suite('a policy on Nitro', () => {
  const refused = (changes: Readonly<Record<string, string>>, reason: RegExp): void => {
    assert.throws(() => parsePolicy(policy(changes)), reason);
  };

  test('cannot list an image of zeros, which is any in debug mode, without saying so', () => {
    const zeros = `[{ pcr0 = "${hex(0)}", pcr1 = "${hex(1)}", pcr2 = "${hex(2)}" }]`;
    refused({ images: zeros }, /nitro\.images: PCRs of zeros are those of every enclave in debug mode/);
    refused({ images: zeros, debug: 'false' }, /PCRs of zeros/);
    parsePolicy(policy({ images: zeros, debug: 'true' }));
  });

  test('is refused when a value is none that a document could have', () => {
    refused({ images: '[]' }, /nitro\.images: may not be empty/);
    refused({ images: `["${hex(1)}"]` }, /must be a table/);
    refused({ images: `[{ pcr0 = "${hex(1)}" }]` }, /pcr1: missing/);
    refused({ pcrs: '{}' }, /nitro\.pcrs: may not be empty/);
    refused({ pcrs: `{ 32 = ["${hex(1)}"] }` }, /number of a PCR from 3 to 31/);
    refused({ pcrs: `{ 0 = ["${hex(1)}"] }` }, /number of a PCR from 3 to 31/);
    refused({ pcrs: '{ 16 = [] }' }, /may not be empty/);
    refused({ nonces: '["0"]' }, /hexadecimal digits in quotes/);
    refused({ 'most-age': '-1' }, /whole number of seconds/);
    refused({ debug: '"no"' }, /must be true, false or "any"/);
  });

  test('is explained in words', () => {
    const explained = explainPolicy(
      parsePolicy(policy({ images: `[${image(1)}]`, pcrs: `{ 16 = ["${hex(7)}"] }`, 'most-age': '60' })),
    );
    const means = new Map(explained.map((one) => [one.field, one.means]));
    assert.equal(means.get('anchors.aws'), "open: any of AWS's pinned roots");
    assert.equal(means.get('nitro.images'), 'image of the enclave (PCR0 to PCR2): the one listed');
    assert.equal(means.get('nitro.pcrs'), 'further PCRs: listed values of PCR16');
    assert.equal(means.get('nitro.most-age'), 'age of the document: at most 60 s');
  });

  test('made from evidence accepts that evidence and no other image', () => {
    for (const claims of [
      usual,
      { ...usual, debug: true, pcrs: { 0: pcrOf(0), 1: pcrOf(0), 2: pcrOf(0) } },
    ]) {
      const verified = evidence(claims);
      const template = policyTemplate({
        format: 'nitro',
        simulated: false,
        checks: [],
        claims,
        verified,
      } as unknown as Verification);
      const parsed = parsePolicy(template);
      assert.deepEqual(failed(appraise(verified, parsed, { reportData: undefined })), []);
      const other = evidence({ ...claims, pcrs: { ...claims.pcrs, 2: pcrOf(0xee) } });
      assert.deepEqual(failed(appraise(other, parsed, { reportData: undefined })), ['policy/nitro-images']);
      assert.equal(template.includes('WARNING: an enclave in debug mode'), claims.debug);
    }
  });

  test('every kind of value is written back as it was read', () => {
    const text = policy({
      images: `[${image(1)}]`,
      pcrs: `{ 16 = ["${hex(7)}"], 17 = ["${hex(8)}"] }`,
      nonces: '["00ff", ""]',
      'most-age': '60',
    });
    const parsed = parsePolicy(text);
    for (const { id, path, toml } of nitroSection.fields) {
      const value = parsed.sections.nitro?.get(path.join('.'));
      const again = parsePolicy(policy({ [path.join('.')]: toml(value) }));
      assert.deepEqual(again.sections.nitro?.get(path.join('.')), value, id);
    }
  });
});

test('report data is held against the user data, all of it', () => {
  const reportData = new Uint8Array(64).fill(5);
  const parsed = parsePolicy(policy());
  const of = (userData: Uint8Array | undefined): string | undefined =>
    appraise(evidence({ userData }), parsed, { reportData }).find(({ id }) => id === 'policy/report-data')
      ?.status;
  assert.equal(of(reportData), 'pass');
  assert.equal(of(reportData.subarray(1)), 'fail');
  assert.equal(of(undefined), 'fail');
});
