// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  amdAnchors,
  appraise,
  awsAnchors,
  intelAnchors,
  parsePolicy,
  type Anchor,
  type VerifiedEvidence,
} from '@enarx/attestation';

import type { Field } from '../../src/policy/field.ts';
import { policyTees, sections } from '../../src/policy/sections.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { verifyFake } from '../intel/fake-intel.ts';
import { at, fakeAws } from '../support/fake-aws.ts';
import { snpEvidence } from './snp-evidence.ts';

/** Evidence of simulated platforms under the vendors’ roots: what is appraised here is the rest. */
async function evidence(): Promise<readonly VerifiedEvidence[]> {
  const sgx = (await verifyFake({ tee: 'sgx', sgx: { mrEnclave: new Uint8Array(32).fill(1) } })).verified;
  const tdx = (await verifyFake({ tee: 'tdx', td: { mrTd: new Uint8Array(48).fill(2) } })).verified;
  const aws = await fakeAws();
  const document = await aws.document({});
  const nitro = (await verifyEvidence({ evidence: document, endorsements: [], anchors: [aws.anchor], at }))
    .verified;
  const rooted = (one: VerifiedEvidence | undefined, [anchor]: readonly Anchor[]): VerifiedEvidence => {
    assert.ok(one);
    return { ...one, anchor: anchor as Anchor, simulated: false };
  };
  return [
    rooted(sgx, intelAnchors),
    rooted(tdx, intelAnchors),
    rooted(nitro, awsAnchors),
    rooted(snpEvidence(), amdAnchors),
  ];
}

/** A policy for some kinds of TEE, in which every field is open but those given by their whole path. */
function policyFor(tees: readonly string[], given: Readonly<Record<string, string>>): string {
  const tables = new Map<string, string[]>();
  for (const tee of tees)
    for (const { path, open } of sections[tee as keyof typeof sections].fields as readonly Field<never>[]) {
      const table = [tee, ...path.slice(0, -1)].join('.');
      const value = given[`${tee}.${path.join('.')}`] ?? `"${open}"`;
      tables.set(table, [...(tables.get(table) ?? []), `${path.at(-1) as string} = ${value}`]);
    }
  const vendors = new Set(tees.map((tee) => sections[tee as keyof typeof sections].vendor));
  const anchors = [...vendors].map((vendor) => `${vendor} = "any"\n`).join('');
  const head = `version = 1\ntees = ${JSON.stringify(tees)}\nreport-data = "any"\n[anchors]\n${anchors}simulated = "none"\n`;
  return head + [...tables].map(([table, rows]) => `[${table}]\n${rows.join('\n')}\n`).join('');
}

const hex = (value: string, bytes: number): string => `["${value.repeat(bytes)}"]`;
const failed = (one: VerifiedEvidence, policy: string): readonly string[] =>
  appraise(one, parsePolicy(policy), { reportData: undefined })
    .filter(({ status }) => status === 'fail')
    .map(({ id }) => id);

test('one policy accepts several kinds of TEE, each by its own table, and no other kind', async () => {
  const given = { 'sgx.mrenclave': hex('01', 32), 'tdx.mrtd': hex('02', 48) };
  const all = policyFor(['sgx', 'tdx', 'nitro', 'snp'], given);
  const two = policyFor(['sgx', 'nitro'], given);
  for (const one of await evidence()) {
    assert.deepEqual(failed(one, all), [], one.format);
    assert.deepEqual(
      failed(one, two).includes('policy/tee'),
      !['sgx', 'nitro'].includes(one.format),
      one.format,
    );
  }
  // What one table asks binds the evidence of its own kind alone.
  const other = policyFor(['sgx', 'tdx', 'nitro', 'snp'], { ...given, 'tdx.mrtd': hex('03', 48) });
  for (const one of await evidence())
    assert.deepEqual(failed(one, other), one.format === 'tdx' ? ['policy/tdx-mrtd'] : []);
});

test('every kind of TEE that there is can stand in one policy', () => {
  assert.doesNotThrow(() => parsePolicy(policyFor(policyTees, {})));
});

test('the roots of one vendor may all be refused, as long as those of another are not', () => {
  const policy = policyFor(['snp', 'nitro'], {});
  for (const vendor of ['amd', 'aws'])
    assert.equal(parsePolicy(policy.replace(`${vendor} = "any"`, `${vendor} = "none"`)).tees.length, 2);
  const none = policy.replace('amd = "any"', 'amd = "none"').replace('aws = "any"', 'aws = "none"');
  assert.throws(() => parsePolicy(none), { found: /anchors: no anchor is accepted/ });
});
