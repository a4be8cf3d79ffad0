// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import {
  appraise,
  intelAnchors,
  parsePolicy,
  policyTemplate,
  type Anchor,
  type Check,
  type SgxClaims,
  type TdxClaims,
  type VerifiedEvidence,
} from '@enarx/attestation';

import { sections } from '../../src/policy/sections.ts';
import type { Field } from '../../src/policy/field.ts';
import { readSgxAttributes } from '../../src/intel/sgx/report.ts';
import { readTdAttributes } from '../../src/intel/tdx/report.ts';
import {
  fakePlatform,
  reportData,
  verifyFake,
  type Fake,
  type IntelVerification,
} from '../intel/fake-intel.ts';

const anchor = intelAnchors[0] as Anchor;
type Claims = SgxClaims | TdxClaims;

/** Verified evidence as a simulated platform makes it, its claims altered, under Intel’s root. */
async function evidence(
  fake: Fake,
  alter: (claims: Claims) => Claims = (same) => same,
): Promise<VerifiedEvidence> {
  const result = await verifyFake(fake);
  assert.ok(result.verified, JSON.stringify(result.checks.filter(({ status }) => status === 'fail')));
  return {
    ...result.verified,
    anchor,
    simulated: false,
    claims: alter(result.verified.claims),
  };
}

/** A policy in which every field is open but those given. */
function policyFor(
  tee: 'sgx' | 'tdx',
  given: Readonly<Record<string, string>>,
): ReturnType<typeof parsePolicy> {
  const fields = sections[tee].fields as readonly Field<never>[];
  const tables = new Map<string, string[]>();
  for (const { path, open } of fields) {
    const table = [tee, ...path.slice(0, -1)].join('.');
    const rows = tables.get(table) ?? [];
    rows.push(`${path.at(-1) as string} = ${given[path.join('.')] ?? `"${open}"`}`);
    tables.set(table, rows);
  }
  const head = `version = 1\ntees = ["${tee}"]\nreport-data = "any"\n[anchors]\nintel = "any"\nsimulated = "none"\n`;
  return parsePolicy(head + [...tables].map(([table, rows]) => `[${table}]\n${rows.join('\n')}\n`).join(''));
}

interface Case {
  readonly value: string;
  readonly good?: (claims: Claims) => Claims;
  readonly bad: (claims: Claims) => Claims;
}

const report =
  (members: Readonly<Record<string, unknown>>) =>
  (claims: Claims): Claims =>
    ({ ...claims, report: { ...claims.report, ...members } }) as Claims;
const part =
  (name: 'platform' | 'tcb' | 'collateral', members: Readonly<Record<string, unknown>>) =>
  (claims: Claims): Claims => ({ ...claims, [name]: { ...claims[name], ...members } });
const bytes = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);
const list = (value: number, length: number): string =>
  `["${value.toString(16).padStart(2, '0').repeat(length)}"]`;
const listed = (name: string, length: number): Case => ({
  value: list(0xab, length),
  good: report({ [name]: bytes(0xab, length) }),
  bad: report({ [name]: bytes(0xac, length) }),
});
const flag = (
  byte: number,
  bit: number,
  wanted: boolean,
  length: number,
  read: (raw: Uint8Array) => unknown,
  name: string,
): Case => {
  const raw = (set: boolean): Uint8Array => {
    const value = new Uint8Array(length);
    value[byte] = set ? 1 << bit : 0;
    return value;
  };
  return {
    value: String(wanted),
    good: report({ [name]: read(raw(wanted)) }),
    bad: report({ [name]: read(raw(!wanted)) }),
  };
};
const sgxFlag = (bit: number, wanted: boolean): Case =>
  flag(0, bit, wanted, 16, readSgxAttributes, 'attributes');
const tdFlag = (bit: number, wanted: boolean): Case =>
  flag(bit >> 3, bit & 7, wanted, 8, readTdAttributes, 'tdAttributes');

const common: Readonly<Record<string, Case>> = {
  'tcb.statuses': {
    value: '["UpToDate", "SWHardeningNeeded"]',
    good: part('tcb', { status: 'SWHardeningNeeded' }),
    bad: part('tcb', { status: 'OutOfDate' }),
  },
  'tcb.advisories-accepted': {
    value: '["INTEL-SA-00615"]',
    good: part('tcb', { advisories: ['INTEL-SA-00615'] }),
    bad: part('tcb', { advisories: ['INTEL-SA-00334', 'INTEL-SA-00615'] }),
  },
  'collateral.evaluation-minimum': {
    value: '19',
    bad: part('collateral', { evaluationNumber: 18 }),
  },
  'collateral.age-maximum': {
    value: '30',
    good: part('collateral', { documentAge: 30, pckCrlAge: 99, rootCrlAge: 99 }),
    bad: part('collateral', { documentAge: 31, pckCrlAge: 0, rootCrlAge: 0 }),
  },
  'collateral.crl-age-maximum': {
    value: '7',
    good: part('collateral', { documentAge: 99, pckCrlAge: 7, rootCrlAge: 99 }),
    bad: part('collateral', { documentAge: 0, pckCrlAge: 8, rootCrlAge: 0 }),
  },
  'collateral.root-crl-age-maximum': {
    value: '366',
    good: part('collateral', { documentAge: 999, pckCrlAge: 999, rootCrlAge: 366 }),
    bad: part('collateral', { documentAge: 0, pckCrlAge: 0, rootCrlAge: 367 }),
  },
  'collateral.crl-minimum': { value: '1', bad: part('collateral', { pckCrlNumber: 0n, rootCrlNumber: 9n }) },
  'collateral.root-crl-minimum': {
    value: '2',
    good: part('collateral', { pckCrlNumber: 0n, rootCrlNumber: 2n }),
    bad: part('collateral', { pckCrlNumber: 9n, rootCrlNumber: 1n }),
  },
  'platform.fmspcs': {
    value: '["90c06f000000"]',
    bad: part('platform', { fmspc: bytes(1, 6) }),
  },
  'platform.ppids-accepted': {
    value: list(1, 16),
    good: part('platform', { ppid: bytes(1, 16) }),
    bad: part('platform', { ppid: bytes(2, 16) }),
  },
  'platform.instances-accepted': {
    value: list(1, 16),
    good: part('platform', { instanceId: bytes(1, 16) }),
    bad: part('platform', { instanceId: undefined }),
  },
  'platform.smt': { value: 'true', bad: part('platform', { smtEnabled: undefined }) },
};

const cases: Readonly<Record<'sgx' | 'tdx', Readonly<Record<string, Case>>>> = {
  sgx: {
    mrenclave: listed('mrEnclave', 32),
    mrsigner: listed('mrSigner', 32),
    'isv-prod-ids': { value: '[7, 8]', good: report({ isvProdId: 8 }), bad: report({ isvProdId: 9 }) },
    'isv-svn-minimum': { value: '5', good: report({ isvSvn: 5 }), bad: report({ isvSvn: 4 }) },
    'config-ids': listed('configId', 64),
    'family-ids': listed('isvFamilyId', 16),
    'attributes.debug': sgxFlag(1, false),
    'attributes.provision-key': sgxFlag(4, false),
    'attributes.einit-token-key': sgxFlag(5, false),
    'attributes.kss': sgxFlag(7, true),
    ...common,
  },
  tdx: {
    mrtd: listed('mrTd', 48),
    ...Object.fromEntries(
      [0, 1, 2, 3].map((index) => {
        const registers = (value: number): Uint8Array[] =>
          [0, 1, 2, 3].map((other) => bytes(other === index ? value : 0, 48));
        return [
          `rtmr${String(index)}`,
          {
            value: list(0xab, 48),
            good: report({ rtmrs: registers(0xab) }),
            bad: report({ rtmrs: registers(0xac) }),
          },
        ];
      }),
    ),
    'config-ids': listed('mrConfigId', 48),
    owners: listed('mrOwner', 48),
    'owner-configs': listed('mrOwnerConfig', 48),
    modules: listed('mrSeam', 48),
    'service-td': {
      value: '"none-bound"',
      bad: report({ mrServiceTd: undefined }),
    },
    xfam: listed('xfam', 8),
    'attributes.debug': tdFlag(0, false),
    'attributes.other-debug': tdFlag(3, false),
    'attributes.sept-ve-disable': tdFlag(28, true),
    'attributes.migratable': tdFlag(29, false),
    'attributes.protection-keys': tdFlag(30, true),
    'attributes.key-locker': tdFlag(31, true),
    'attributes.performance-monitoring': tdFlag(63, false),
    ...common,
  },
};

const failed = (checks: readonly Check[]): Check[] => checks.filter(({ status }) => status === 'fail');

for (const tee of ['sgx', 'tdx'] as const)
  suite(`fields of [${tee}]`, () => {
    test('each has a case here', () => {
      const fields = sections[tee].fields as readonly Field<never>[];
      assert.deepEqual(
        fields.map(({ path }) => path.join('.')),
        Object.keys(cases[tee]),
      );
    });

    for (const [name, { value, good, bad }] of Object.entries(cases[tee]))
      test(`${name} accepts what it lists and alone refuses what it does not`, async () => {
        const policy = policyFor(tee, { [name]: value });
        const expected = { reportData };
        assert.deepEqual(failed(appraise(await evidence({ tee }, good), policy, expected)), []);
        const refused = failed(appraise(await evidence({ tee }, bad), policy, expected));
        assert.deepEqual(
          refused.map(({ id }) => id),
          [`policy/${tee}-${name.replace('.', '-')}`],
        );
        assert.ok((refused[0]?.policyLine ?? 0) > 7);
        const open = policyFor(tee, {});
        assert.deepEqual(failed(appraise(await evidence({ tee }, bad), open, expected)), []);
      });
  });

test('a service TD that is bound is refused too', async () => {
  const policy = policyFor('tdx', { 'service-td': '"none-bound"' });
  const bound = await evidence({ tee: 'tdx', td: { mrServiceTd: bytes(1, 48) } });
  assert.deepEqual(
    failed(appraise(bound, policy, { reportData })).map(({ id }) => id),
    ['policy/tdx-service-td'],
  );
  // A report 1.5ex names that of the launch and that of now besides.
  for (const [at, accepted] of [
    [100, false],
    [200, false],
    [1, true],
  ] as const) {
    const extension = new Uint8Array(237).with(at, 1);
    const named = await evidence({ tee: 'tdx', td: { extension }, tdReport: '1.5ex' });
    assert.equal(failed(appraise(named, policy, { reportData })).length === 0, accepted);
  }
});

suite('a policy made from a quote', () => {
  const made = async (fake: Fake): Promise<{ readonly toml: string; readonly result: IntelVerification }> => {
    const result = await verifyFake(fake);
    return { toml: policyTemplate(result), result };
  };

  for (const fake of [
    { tee: 'sgx', sgx: { mrEnclave: bytes(1, 32), mrSigner: bytes(2, 32), isvProdId: 3, isvSvn: 4 } },
    { tee: 'tdx', td: { mrTd: bytes(1, 48) } },
    { tee: 'tdx', version: 4 },
    {
      tee: 'sgx',
      sgx: { attributes: Uint8Array.of(0x36, ...bytes(0, 15)) },
      tcbInfo: (document) => ({
        ...document,
        tcbLevels: (document['tcbLevels'] as object[]).map((level) => ({
          ...level,
          tcbStatus: 'SWHardeningNeeded',
          advisoryIDs: ['INTEL-SA-00615'],
        })),
      }),
    },
  ] as const satisfies readonly Fake[])
    test(`accepts that quote (${JSON.stringify(fake).slice(0, 50)}) and says what one would not want`, async () => {
      const { toml, result } = await made(fake);
      const policy = parsePolicy(toml);
      assert.ok(result.verified);
      const checks = appraise(result.verified, policy, { reportData });
      assert.deepEqual(failed(checks), []);
      assert.match(toml, /^# SIMULATED/);
      assert.equal(
        toml.includes('WARNING: the host sees everything in this enclave'),
        'sgx' in fake && 'attributes' in fake.sgx,
      );
    });

  test('asks for what protects, and never that the enclave be open', async () => {
    const attributes = async (octet: number): Promise<string[]> => {
      const { toml } = await made({ tee: 'sgx', sgx: { attributes: Uint8Array.of(octet, ...bytes(0, 15)) } });
      return toml.match(/^(?:debug|provision-key|einit-token-key|kss) = .*$/gm) ?? [];
    };
    const told = (value: string): string[] => [
      ...['debug', 'provision-key', 'einit-token-key'].map((name) => `${name} = ${value}`),
      'kss = "any"',
    ];
    assert.deepEqual(await attributes(0x05), told('false'));
    assert.deepEqual(await attributes(0x37), told('"any"'));
  });

  test('of another platform’s anchor is of no use', async () => {
    const { toml } = await made({ tee: 'sgx' });
    const other = await verifyFake({ tee: 'sgx' });
    const verified = {
      ...other.verified,
      anchor: { ...(await fakePlatform()).anchor, spkiDigest: bytes(1, 32) },
    };
    assert.deepEqual(
      failed(appraise(verified as VerifiedEvidence, parsePolicy(toml), { reportData })).map(({ id }) => id),
      ['policy/anchor'],
    );
  });
});
