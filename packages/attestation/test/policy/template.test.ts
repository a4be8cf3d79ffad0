// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import {
  appraise,
  attest,
  explainPolicy,
  parsePolicy,
  policyTemplate,
  vendorAnchors,
  verifyEvidence,
  type Anchor,
  type Verification,
} from '@enarx/attestation';
import { EnarxError } from '@enarx/protocol';

import { hex, snpEvidence, type EvidenceChanges } from '../appraise/snp-evidence.ts';
import { vector, vectors, withoutVectors } from '../support/vectors.ts';
import { policyText } from './policy-text.ts';

/** A verification as a verifier hands it over when every check passed. */
function verification(changes?: EvidenceChanges): Verification {
  const verified = snpEvidence(changes);
  return { format: 'snp', simulated: verified.simulated, checks: [], claims: verified.claims, verified };
}

/** The value that the template gives a field. */
function valueIn(template: string, table: string, key: string): string | undefined {
  const part = template.slice(template.indexOf(`\n[${table}]\n`));
  return new RegExp(`^${key} = (.*(?:\\n {2}.*)*)`, 'm').exec(part)?.[1];
}

/** The warning in the comment of a field, with its line breaks taken out. */
function warningOn(template: string, key: string): string | undefined {
  const comment = new RegExp(`((?:^#.*\\n)*)^${key} = `, 'm').exec(template)?.[1] ?? '';
  return /WARNING: (.*)/.exec(comment.replace(/\n#/g, ''))?.[1];
}

function acceptsItself(changes?: EvidenceChanges): string {
  const one = verification(changes);
  const template = policyTemplate(one);
  const policy = parsePolicy(template);
  const failed = appraise(one.verified as NonNullable<typeof one.verified>, policy, {
    reportData: undefined,
  }).filter(({ status }) => status === 'fail');
  assert.deepEqual(failed, []);
  explainPolicy(policy);
  return template;
}

const milan: EvidenceChanges = {
  report: {
    0x188: [0x19, 1, 1],
    0x180: [4, 0, 0, 0, 0, 0, 24, 219],
    0x1e0: [4, 0, 0, 0, 0, 0, 24, 219],
    0x1f0: [4, 0, 0, 0, 0, 0, 24, 219],
    0x038: [4, 0, 0, 0, 0, 0, 24, 219],
  },
};
const turin: EvidenceChanges = {
  report: {
    0x188: [0x1a, 2, 1],
    0x180: [1, 1, 1, 4, 0, 0, 0, 0x51],
    0x1e0: [1, 1, 1, 4, 0, 0, 0, 0x51],
    0x1f0: [1, 1, 1, 4, 0, 0, 0, 0x51],
    0x038: [1, 1, 1, 4, 0, 0, 0, 0x51],
  },
};

suite('the template of a policy', () => {
  test('accepts the evidence that it was made of, whatever that is', () => {
    for (const changes of [undefined, milan, turin, { report: { 0x000: 2, 0x188: [0, 0, 0] } }])
      acceptsItself(changes);
  });

  test('asks for what the evidence shows and for the recommended versions', () => {
    const template = acceptsItself();
    assert.equal(valueIn(template, 'snp', 'measurements'), `["${hex(0x3e, 48)}"]`);
    assert.equal(valueIn(template, 'snp', 'products'), '["Genoa"]');
    assert.equal(valueIn(template, 'snp', 'chips-accepted'), '"any"');
    assert.equal(valueIn(template, 'snp', 'id-keys'), `["${hex(0x1d, 48)}"]`);
    assert.equal(valueIn(template, 'snp', 'author-keys'), `["${hex(0xa0, 48)}"]`);
    assert.equal(valueIn(template, 'snp', 'signing-keys'), '["vcek"]');
    assert.equal(valueIn(template, 'snp', 'csp-ids'), '"any"');
    assert.equal(valueIn(template, 'snp', 'crl'), '"required"');
    assert.equal(valueIn(template, 'snp.guest-policy', 'debug'), 'false');
    assert.equal(valueIn(template, 'snp.guest-policy', 'unknown-bits'), '"refused"');
    assert.equal(valueIn(template, 'snp.guest-policy', 'abi-minimum'), '"1.51"');
    assert.equal(valueIn(template, 'snp.platform', 'alias-check-complete'), 'true');
    assert.match(
      valueIn(template, 'snp.firmware', 'minimum-tcb') ?? '',
      /models = \[0x10, 0x1f\], bootloader = 10, tee = 0, snp = 23, microcode = 84/,
    );
    assert.equal(valueIn(template, 'snp.firmware', 'launch-tcb'), '"minimum-tcb"');
    assert.equal(valueIn(template, 'snp.firmware', 'minimum-version'), '{ Genoa = "1.55.38" }');
    assert.doesNotMatch(template, /WARNING|SIMULATED/);
    assert.match(template, /^amd = \["ARK-Genoa"\]$/m);
    assert.match(template, /^simulated = "none"$/m);
  });

  test('warns of a Milan and binds it to its chip', () => {
    const template = acceptsItself(milan);
    assert.match(warningOn(template, 'products') ?? '', /root seed of every Milan/);
    assert.equal(valueIn(template, 'snp', 'chips-accepted'), `["${hex(0xc1, 64)}"]`);
    assert.equal(valueIn(template, 'snp.firmware', 'minimum-version'), '{ Milan = "1.55.22" }');
    const vlek = acceptsItself({
      ...milan,
      claims: { signingKey: 'vlek', chipId: undefined, cspId: 'CN=x' },
    });
    assert.equal(valueIn(vlek, 'snp', 'chips-accepted'), '"any"');
    assert.equal(valueIn(vlek, 'snp', 'csp-ids'), '["CN=x"]');
  });

  test('warns of a guest that the host can read or move', () => {
    const template = acceptsItself({ report: { 0x008: [0, 0, 0b1110] } });
    assert.equal(valueIn(template, 'snp.guest-policy', 'debug'), '"any"');
    assert.match(warningOn(template, 'debug') ?? '', /THE HOST CAN READ THIS GUEST/);
    assert.match(warningOn(template, 'migrate-ma') ?? '', /migration agent/);
  });

  test('asks of each bit of the guest policy and of the platform for what protects, never for less', () => {
    const protects = {
      debug: [19, false],
      'migrate-ma': [18, false],
      smt: [16, false],
      'single-socket': [20, true],
      cxl: [21, false],
      'mem-aes-256-xts': [22, true],
      'rapl-disabled': [23, true],
      'ciphertext-hiding': [24, true],
      'page-swap-disabled': [25, true],
    } as const;
    for (const [key, [bit, wanted]] of Object.entries(protects))
      for (const set of [true, false]) {
        const raw = 0x20133 | (set ? 2 ** bit : 0);
        const policy = [raw & 0xff, (raw >> 8) & 0xff, (raw >> 16) & 0xff, (raw >> 24) & 0xff];
        assert.equal(
          valueIn(acceptsItself({ report: { 0x008: policy } }), 'snp.guest-policy', key),
          set === wanted ? String(wanted) : '"any"',
          `${key} ${String(set)}`,
        );
      }
    for (const [key, bit] of Object.entries({
      smt: 0,
      tsme: 1,
      ecc: 2,
      'rapl-disabled': 3,
      'ciphertext-hiding': 4,
      'alias-check-complete': 5,
      tio: 7,
    }))
      for (const set of [true, false])
        assert.equal(
          valueIn(acceptsItself({ report: { 0x040: set ? 2 ** bit : 0 } }), 'snp.platform', key),
          set && key === 'alias-check-complete' ? 'true' : '"any"',
          `${key} ${String(set)}`,
        );
  });

  test('warns of versions below the recommended ones and asks for those of the evidence', () => {
    const old = { 0x180: [10, 0, 0, 0, 0, 0, 20, 70], 0x1e0: [9, 0, 0, 0, 0, 0, 21, 72] };
    const template = acceptsItself({ report: old });
    assert.match(warningOn(template, 'minimum-tcb') ?? '', /below what is recommended \(AMD-SB-3019/);
    assert.match(
      valueIn(template, 'snp.firmware', 'minimum-tcb') ?? '',
      /bootloader = 9, tee = 0, snp = 20, microcode = 70/,
    );
    const oldTurin = { ...turin.report, 0x180: [1, 0, 1, 4, 0, 0, 0, 0x51] };
    assert.match(
      valueIn(acceptsItself({ report: oldTurin }), 'snp.firmware', 'minimum-tcb') ?? '',
      /fmc = 1, bootloader = 0, tee = 1/,
    );
  });

  test('warns of everything else that a careful reader would not want', () => {
    const cases: [string, EvidenceChanges, RegExp][] = [
      ['vmpl', { report: { 0x030: 2 } }, /more privileged runs in this guest/],
      ['launch-tcb', { report: { 0x1f7: 1 } }, /launched under older versions/],
      ['provisional', { report: { 0x1ec: [40, 55, 1, 0] } }, /can still be rolled back/],
      ['minimum-version', { report: { 0x1e8: [30, 55, 1], 0x1ec: [30, 55, 1] } }, /below 1\.55\.38/],
      [
        'crl',
        {
          claims: {
            revocation: {
              status: 'none',
              crlNumber: undefined,
              thisUpdate: undefined,
              nextUpdate: undefined,
            } as never,
          },
        },
        /revoked intermediate/,
      ],
    ];
    for (const [key, changes, warning] of cases)
      assert.match(warningOn(acceptsItself(changes), key) ?? '', warning);
  });

  test('leaves open what the evidence does not have', () => {
    const zero = Array<number>(48).fill(0);
    const template = acceptsItself({
      report: { 0x0e0: zero, 0x110: zero, 0x048: 0, 0x040: 1, 0x00c: 1 },
      claims: { signingKey: undefined },
    });
    for (const key of ['id-keys', 'author-keys', 'csp-ids', 'signing-keys'])
      assert.equal(valueIn(template, 'snp', key), '"any"', key);
    assert.equal(valueIn(template, 'snp.platform', 'alias-check-complete'), '"any"');
    assert.equal(valueIn(template, 'snp.guest-policy', 'unknown-bits'), '"any"');
    const unknown = acceptsItself({ claims: { product: undefined, tcb: undefined } });
    for (const key of ['minimum-tcb', 'launch-tcb', 'minimum-version', 'provisional'])
      assert.equal(valueIn(unknown, 'snp.firmware', key), '"any"', key);
    assert.match(warningOn(unknown, 'minimum-tcb') ?? '', /nothing is known of the versions/);
    const stranger = acceptsItself({ report: { 0x188: [0x19, 0x50, 1] } });
    assert.equal(valueIn(stranger, 'snp.firmware', 'minimum-tcb'), '"any"');
  });

  test('says SIMULATED of a simulated processor and lists its key', () => {
    const anchor: Anchor = {
      vendor: 'amd',
      name: 'ARK-Simulated',
      spkiDigest: new Uint8Array(32).fill(9),
      simulated: true,
    };
    const template = acceptsItself({ anchor });
    assert.match(template, /^# SIMULATED: made from evidence of a simulated processor/);
    assert.match(template, /^amd = "none"$/m);
    assert.match(template, new RegExp(`^simulated = \\["${hex(9, 32)}"\\]$`, 'm'));
  });

  test('keeps words of the evidence inside of its comments', () => {
    const cspId = 'CN=x\n[anchors]\nsimulated = "any"\r\u2028\u001b[2J\u007f';
    const template = acceptsItself({ claims: { signingKey: 'vlek', chipId: undefined, cspId } });
    assert.match(template, /^# In the evidence: CN=x\?\[anchors\]\?simulated = "any"\?\?\?\[2J\?$/m);
    assert.equal(template.split('\n[anchors]\n').length, 2);
  });

  test('is made of verified evidence only', () => {
    const checks = [{ id: 'snp/signature', status: 'fail', detail: '' }] as const;
    assert.throws(
      () => policyTemplate({ ...verification(), checks, verified: undefined }),
      (error) =>
        error instanceof EnarxError &&
        error.code === 'policy/evidence-unverified' &&
        error.found === 'failed checks snp/signature',
    );
  });
});

suite(
  'every real report whose key is published gives a policy that accepts it and no report of another guest',
  { skip: withoutVectors },
  () => {
    const reports = vectors.filter(
      ({ kind, expected }) => kind === 'snp-report' && expected['signature'] === 'valid',
    );
    const authorities = vectors
      .filter(({ kind }) => kind === 'x509-ask' || kind === 'x509-ark')
      .map(({ file }) => vector(file));
    for (const { file, expected } of reports) {
      test(file, async () => {
        const options = {
          evidence: vector(file),
          endorsements: [vector(expected['vek_file'] as string), ...authorities],
          anchors: vendorAnchors,
          at: Date.parse(expected['suggested_now'] as string),
        };
        const template = policyTemplate(await verifyEvidence(options));
        const policy = parsePolicy(template);
        const reportData = Buffer.from((expected['fields'] as { report_data: string }).report_data, 'hex');
        const accepted = await attest({ ...options, policy, reportData });
        assert.equal(accepted.verdict, 'accepted');
        assert.equal(accepted.simulated, false);
        assert.ok(
          accepted.checks.every(
            ({ id, policyLine }) => id.startsWith('policy/') === (policyLine !== undefined),
          ),
        );

        const measurement = (expected['fields'] as { measurement: string }).measurement;
        const other = parsePolicy(template.replace(`["${measurement}"]`, `["${hex(0, 48)}"]`));
        const rejected = await attest({ ...options, policy: other, reportData });
        assert.equal(rejected.verdict, 'rejected');
        assert.deepEqual(
          rejected.checks.filter(({ status }) => status === 'fail').map(({ id }) => id),
          ['policy/snp-measurements'],
        );
      });
    }
  },
);

suite('the explanation of a policy', () => {
  test('says of each field on which line it stands and what it accepts', () => {
    const text = policyText({
      'report-data': '"required"',
      'anchors.amd': '["ARK-Genoa", "ARK-Turin"]',
      'anchors.simulated': `["${hex(9, 32)}"]`,
      'snp.measurements': `["${hex(1, 48)}", "${hex(2, 48)}"]`,
      'snp.guest-policy.debug': 'false',
      'snp.products-refused': '["Milan"]',
      'snp.signing-keys': '["vcek", "vlek"]',
      'snp.firmware.minimum-version': '{ Genoa = "1.55.255" }',
    });
    const explained = explainPolicy(parsePolicy(text));
    const of = (field: string): unknown => {
      const { line, means } = explained.find((one) => one.field === field) ?? {};
      return [line, means];
    };
    assert.deepEqual(of('tees'), [2, 'kind of TEE: snp (AMD SEV-SNP)']);
    assert.deepEqual(of('report-data'), [3, 'report data: whoever verifies must say what it expects']);
    assert.deepEqual(of('anchors.amd'), [6, "AMD's roots: ARK-Genoa, ARK-Turin"]);
    assert.deepEqual(of('anchors.simulated'), [
      7,
      `SIMULATED roots, where whoever verifies passes them: ["${hex(9, 32)}"]`,
    ]);
    assert.deepEqual(of('snp.measurements'), [10, 'launch digest (MEASUREMENT): one of the 2 listed']);
    assert.deepEqual(of('snp.guest-policy.debug'), [
      28,
      'permission to debug the guest (DEBUG, bit 19): not set',
    ]);
    assert.match(String(of('snp.signing-keys')), /: one of vcek, vlek$/);
    assert.match(String(of('snp.firmware.minimum-version')), /: at least 1\.55\.255 on Genoa$/);
    assert.deepEqual(of('snp.products-refused'), [19, 'refused processor generations: not Milan']);
    assert.deepEqual(of('snp.vmpl'), [
      11,
      'open: privilege level (VMPL) that asked for the report is not looked at',
    ]);
  });

  test('calls open what is open', () => {
    const means = new Map(explainPolicy(parsePolicy(policyText())).map((one) => [one.field, one.means]));
    assert.match(means.get('report-data') ?? '', /^open: stored evidence/);
    assert.equal(means.get('anchors.amd'), "open: any of AMD's pinned roots");
    assert.equal(means.get('anchors.simulated'), 'SIMULATED roots: none');
    const simulatedOnly = explainPolicy(
      parsePolicy(policyText({ 'anchors.amd': '"none"', 'anchors.simulated': `["${hex(9, 32)}"]` })),
    );
    assert.equal(simulatedOnly.find(({ field }) => field === 'anchors.amd')?.means, "AMD's roots: none");
  });
});
