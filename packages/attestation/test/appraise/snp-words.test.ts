// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { appraise, parsePolicy, type Check } from '@enarx/attestation';

import { policyText } from '../policy/policy-text.ts';
import { hex, snpEvidence, type EvidenceChanges } from './snp-evidence.ts';

// Whoever is refused, or writes a policy, goes by what the checks say of the evidence.

const checkOf = (field: string, policy: string, evidence?: EvidenceChanges): Check => {
  const checks = appraise(snpEvidence(evidence), parsePolicy(policy), { reportData: undefined });
  return checks.find(({ id }) => id === `policy/snp-${field}`) as Check;
};

/** What a field that is left open says that the evidence has. */
const shown = (field: string, evidence?: EvidenceChanges): string | undefined =>
  /; in the evidence: (.*)$/.exec(checkOf(field, policyText(), evidence).detail)?.[1];

suite('what the evidence has is said in words', () => {
  test('of the product', () => {
    assert.equal(shown('products'), 'Genoa');
    assert.match(
      shown('products', { claims: { product: 'Milan' } }) ?? '',
      /^Milan \(the root seed of every/,
    );
    const unknown = { claims: { product: undefined, tcb: undefined } };
    assert.equal(shown('products', unknown), 'unknown');
    assert.equal(shown('products-refused'), 'Genoa');
    assert.equal(shown('products-refused', unknown), 'unknown');
  });

  test('of the chip, and why none is named', () => {
    assert.equal(shown('chips-accepted'), hex(0xc1, 64));
    assert.equal(shown('chips-refused', { claims: { chipId: undefined } }), 'masked by the host');
    const vlek = { claims: { chipId: undefined, signingKey: 'vlek' } } as const;
    assert.equal(shown('chips-accepted', vlek), 'not named by a VLEK');
  });

  test('of the key, and of the provider that it belongs to', () => {
    assert.equal(shown('signing-keys'), 'vcek');
    assert.equal(shown('signing-keys', { claims: { signingKey: undefined } }), 'none');
    assert.equal(shown('csp-ids'), 'none');
    assert.equal(shown('csp-ids', { claims: { cspId: 'CN=x' } }), 'CN=x');
  });

  test('of keys that vouched for the guest, none only where all of the digest is zero', () => {
    assert.equal(shown('id-keys'), hex(0x1d, 48));
    const zeros = Array<number>(48).fill(0);
    assert.equal(shown('id-keys', { report: { 0x0e0: zeros } }), 'none (all zero)');
    assert.equal(shown('id-keys', { report: { 0x0e0: zeros.with(47, 1) } }), `${hex(0, 47)}01`);
    assert.equal(shown('author-keys'), hex(0xa0, 48));
    assert.equal(shown('author-keys', { report: { 0x048: 0 } }), 'none (AUTHOR_KEY_EN is 0)');
  });

  test('of versions, which are unknown with the product', () => {
    const unknown = { claims: { product: undefined, tcb: undefined } };
    const launched = { report: { 0x1f0: [9, 0, 0, 0, 0, 0, 23, 84] } };
    assert.equal(shown('firmware-minimum-tcb'), 'bootloader 10, tee 0, snp 23, microcode 84');
    assert.equal(shown('firmware-minimum-tcb', unknown), 'unknown');
    assert.equal(shown('firmware-launch-tcb', launched), 'bootloader 9, tee 0, snp 23, microcode 84');
    assert.equal(shown('firmware-launch-tcb', unknown), 'unknown');
    assert.equal(shown('firmware-minimum-version'), '1.55.43');
    const refused = checkOf(
      'firmware-minimum-version',
      policyText({ 'snp.firmware.minimum-version': '{ Genoa = "1.55.38" }' }),
      unknown,
    );
    assert.match(
      refused.detail,
      /: unknown product, which is not named; the policy wants at least 1\.55\.38 on/,
    );
    const row =
      '[{ product = "Genoa", family = 0x19, models = [0x10, 0x1f], bootloader = 1, tee = 0, snp = 2, microcode = 3 }]';
    const without = policyText({ 'snp.firmware.minimum-tcb': row });
    assert.match(
      checkOf('firmware-minimum-tcb', without, { ...unknown, report: { 0x000: 2, 0x188: [0, 0, 0] } }).detail,
      /: unknown product, which has no row;/,
    );
  });

  test('of firmware that can still be rolled back', () => {
    assert.equal(shown('firmware-provisional'), 'not in use');
    assert.equal(shown('firmware-provisional', { report: { 0x1ec: [42] } }), 'in use');
  });

  test('of the vectors of mitigations, in hexadecimal', () => {
    assert.equal(shown('firmware-launch-mitigations', { report: { 0x1f8: 0x5e } }), '0x5e');
    assert.equal(shown('firmware-current-mitigations', { report: { 0x200: 0xa7 } }), '0xa7');
    const old = { report: { 0x000: 4, 0x1f8: 0, 0x200: 0 } };
    assert.equal(shown('firmware-current-mitigations', old), 'none in a report of version 4');
  });

  test('of the bits of the guest policy that nobody knows, in hexadecimal', () => {
    assert.equal(shown('guest-policy-unknown-bits'), 'none set');
    assert.equal(shown('guest-policy-unknown-bits', { report: { 0x00e: 0x10 } }), '0x10000000000000');
  });
});

test('the element of a list that refuses gives the line', () => {
  const text = policyText({
    'snp.products-refused': '[\n  "Milan",\n  "Genoa",\n]',
    'snp.chips-refused': `[\n  "${hex(0xc2, 64)}",\n  "${hex(0xc1, 64)}",\n]`,
  });
  const lineOf = (part: string): number => text.slice(0, text.indexOf(part)).split('\n').length;
  assert.equal(checkOf('products-refused', text).policyLine, lineOf('"Genoa"'));
  assert.equal(checkOf('chips-refused', text).policyLine, lineOf(hex(0xc1, 64)));
});
