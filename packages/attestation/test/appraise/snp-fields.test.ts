// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { appraise, parsePolicy, type Check } from '@enarx/attestation';

import { lineOfField, openPolicy, policyText } from '../policy/policy-text.ts';
import { hex, snpEvidence, type EvidenceChanges } from './snp-evidence.ts';

interface Case {
  /** Value of the field, in TOML, that the Genoa of `snpEvidence` meets. */
  readonly value: string;
  /** What makes evidence fail this field and no other. */
  readonly caught: EvidenceChanges;
  /** What else has to be so, for both. */
  readonly base?: EvidenceChanges;
  /** Other fields that must stand with it. */
  readonly beside?: Readonly<Record<string, string>>;
  /** The failure says so. */
  readonly says: RegExp;
}

const list = (byte: number, length: number): string => `["${hex(byte, length)}"]`;
const genoaRow = (changes: Readonly<Record<string, string>> = {}): string =>
  `[{ ${Object.entries({
    product: '"Genoa"',
    family: '0x19',
    models: '[0x10, 0x1f]',
    bootloader: '10',
    tee: '0',
    snp: '23',
    microcode: '84',
    ...changes,
  })
    .map(([key, value]) => `${key} = ${value}`)
    .join(', ')} }]`;
const policyWith = (bit: number): EvidenceChanges => {
  const raw = 0x20133 ^ (2 ** bit);
  return { report: { 0x008: [raw & 0xff, (raw >> 8) & 0xff, (raw >> 16) & 0xff, (raw >> 24) & 0xff] } };
};
const platformWith = (bit: number): EvidenceChanges => ({ report: { 0x040: 0b10_0101 ^ (1 << bit) } });

/** One row for each field of the table `[snp]`. */
const cases: Readonly<Record<string, Case>> = {
  'snp.measurements': {
    value: list(0x3e, 48),
    caught: { report: { 0x0bf: 0x3f } },
    says: /3e3f; the policy wants 3e3e.*3e3e\. If the guest/,
  },
  'snp.vmpl': { value: '[0]', caught: { report: { 0x030: 1 } }, says: /\(VMPL\).*: 1; the policy wants 0\./ },
  'snp.host-data': { value: list(0x40, 32), caught: { report: { 0x0df: 0 } }, says: /HOST_DATA/ },
  'snp.family-ids': { value: list(0xfa, 16), caught: { report: { 0x01f: 0 } }, says: /FAMILY_ID/ },
  'snp.image-ids': { value: list(0x1a, 16), caught: { report: { 0x02f: 0 } }, says: /IMAGE_ID/ },
  'snp.guest-svn': { value: '7', caught: { report: { 0x004: 6 } }, says: /: 6; the policy wants at least 7/ },
  'snp.id-keys': {
    value: list(0x1d, 48),
    caught: { report: { 0x0e0: Array<number>(48).fill(0) } },
    says: /none \(all zero\)/,
  },
  'snp.author-keys': {
    value: list(0xa0, 48),
    // The right digest, but the firmware did not check it.
    caught: { report: { 0x048: 0 } },
    says: /AUTHOR_KEY_EN is 0/,
  },
  'snp.products': {
    value: '["Genoa"]',
    caught: { claims: { product: 'Milan' } },
    // Said with every verdict on a Milan.
    says: /: Milan \(the root seed of every Milan.*\); the policy wants Genoa/,
  },
  'snp.products-refused': {
    value: '["Milan"]',
    caught: { claims: { product: 'Milan' } },
    says: /: Milan; the policy wants not Milan/,
  },
  'snp.chips-accepted': {
    value: list(0xc1, 64),
    caught: { claims: { chipId: new Uint8Array(64).fill(0xc2) } },
    says: /c2c2; the policy wants c1c1/,
  },
  'snp.chips-refused': {
    value: list(0xc2, 64),
    caught: { claims: { chipId: new Uint8Array(64).fill(0xc2) } },
    says: /c2c2; the policy wants not one of the 1 listed/,
  },
  'snp.signing-keys': {
    value: '["vcek"]',
    caught: { claims: { signingKey: 'vlek' } },
    says: /: vlek; the policy wants vcek/,
  },
  'snp.csp-ids': {
    base: { claims: { signingKey: 'vlek', cspId: 'CN=cc-us-east-2.amazonaws.com' } },
    value: '["CN=cc-us-east-2.amazonaws.com"]',
    caught: { claims: { signingKey: 'vlek', cspId: 'CN=cc-us-east-2.amazonaws.com.example' } },
    says: /example; the policy wants CN=cc-us-east-2\.amazonaws\.com\./,
  },
  'snp.crl': {
    value: '"required"',
    caught: {
      claims: { revocation: { status: 'bad', crlNumber: 1n, thisUpdate: 0, nextUpdate: 0 } as never },
    },
    says: /at hand and not usable; the policy wants fresh/,
  },
  'snp.guest-policy.abi-minimum': {
    value: '"1.51"',
    caught: { report: { 0x008: [50, 1, 2] } },
    says: /: 1\.50; the policy wants at least 1\.51/,
  },
  'snp.guest-policy.debug': {
    value: 'false',
    caught: policyWith(19),
    says: /DEBUG.*: set; the policy wants not set/,
  },
  'snp.guest-policy.migrate-ma': { value: 'false', caught: policyWith(18), says: /MIGRATE_MA.*: set;/ },
  'snp.guest-policy.smt': { value: 'false', caught: policyWith(16), says: /SMT.*: set;/ },
  'snp.guest-policy.single-socket': { value: 'false', caught: policyWith(20), says: /SINGLE_SOCKET.*: set;/ },
  'snp.guest-policy.cxl': { value: 'false', caught: policyWith(21), says: /CXL_ALLOW.*: set;/ },
  'snp.guest-policy.mem-aes-256-xts': {
    value: 'false',
    caught: policyWith(22),
    says: /MEM_AES_256_XTS.*: set;/,
  },
  'snp.guest-policy.rapl-disabled': { value: 'false', caught: policyWith(23), says: /RAPL_DIS.*: set;/ },
  'snp.guest-policy.ciphertext-hiding': {
    base: policyWith(24),
    value: 'true',
    caught: policyWith(25),
    says: /CIPHERTEXT_HIDING_DRAM.*: not set; the policy wants set/,
  },
  'snp.guest-policy.page-swap-disabled': {
    base: policyWith(25),
    value: 'true',
    caught: policyWith(24),
    says: /PAGE_SWAP_DISABLE.*: not set;/,
  },
  'snp.guest-policy.unknown-bits': {
    value: '"refused"',
    caught: { report: { 0x00f: 0x80 } },
    says: /: 0x8000000000000000; the policy wants none set/,
  },
  'snp.platform.smt': { value: 'true', caught: platformWith(0), says: /SMT_EN.*: not set;/ },
  'snp.platform.tsme': { value: 'false', caught: platformWith(1), says: /TSME_EN.*: set;/ },
  'snp.platform.ecc': { value: 'true', caught: platformWith(2), says: /ECC_EN.*: not set;/ },
  'snp.platform.rapl-disabled': { value: 'false', caught: platformWith(3), says: /RAPL_DIS.*: set;/ },
  'snp.platform.ciphertext-hiding': {
    value: 'false',
    caught: platformWith(4),
    says: /HIDING_DRAM_EN.*: set;/,
  },
  'snp.platform.alias-check-complete': {
    value: 'true',
    caught: platformWith(5),
    says: /ALIAS_CHECK_COMPLETE.*: not set;/,
  },
  'snp.platform.tio': { value: 'false', caught: platformWith(7), says: /SEV-TIO.*: set;/ },
  'snp.firmware.minimum-tcb': {
    value: genoaRow(),
    caught: { report: { 0x186: 22 } },
    says: /reported snp 22 below 23 on Genoa family 19h model 11h/,
  },
  'snp.firmware.launch-tcb': {
    beside: { 'snp.firmware.minimum-tcb': genoaRow() },
    value: '"minimum-tcb"',
    caught: { report: { 0x1f7: 83 } },
    says: /launch microcode 83 below 84/,
  },
  'snp.firmware.provisional': {
    value: '"refused"',
    caught: { report: { 0x1ec: [42, 55, 1, 0] } },
    says: /in use; the policy wants not in use/,
  },
  'snp.firmware.minimum-version': {
    value: '{ Genoa = "1.55.43" }',
    caught: { report: { 0x1ec: [42, 55, 1, 0] } },
    says: /: 1\.55\.42; the policy wants at least 1\.55\.43 on Genoa/,
  },
  'snp.firmware.launch-mitigations': {
    value: '[0, 2]',
    caught: { report: { 0x1f8: 0b001 } },
    says: /at launch: 0x1; the policy wants bits set: 0, 2/,
  },
  'snp.firmware.current-mitigations': {
    value: '[1]',
    caught: { report: { 0x200: 0b101 } },
    says: /at present: 0x5; the policy wants bits set: 1\./,
  },
};

const failures = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
const offline = { reportData: undefined };

suite('each field of [snp] has evidence that passes and evidence that only it catches', () => {
  for (const [field, { value, caught, base = {}, beside = {}, says }] of Object.entries(cases)) {
    const id = `policy/${field.replaceAll('.', '-')}`;
    const text = policyText({ ...beside, [field]: value });
    const policy = parsePolicy(text);
    test(`${field} = ${value}`, () => {
      const good = appraise(snpEvidence(base), policy, offline);
      assert.deepEqual(failures(good), []);
      assert.equal(good.find((check) => check.id === id)?.status, 'pass');

      const bad = appraise(snpEvidence(caught), policy, offline);
      assert.deepEqual(failures(bad), [id]);
      const check = bad.find((one) => one.id === id) as Check;
      assert.match(check.detail, says);
      assert.equal(check.policyLine, lineOfField(text, field));

      const open = appraise(snpEvidence(caught), parsePolicy(policyText(beside)), offline);
      assert.deepEqual(failures(open), [], 'no other check catches it');
      const left = open.find((one) => one.id === id) as Check;
      assert.equal(left.status, 'not-applicable');
      assert.match(left.detail, /the policy says "(any|none)"; in the evidence: /);
      assert.equal(left.policyLine, lineOfField(policyText(beside), field));
    });
  }

  test('no field is without a case', () => {
    const fields = [...openPolicy.matchAll(/^\[(.*)\]$|^([a-z0-9-]+) = /gm)];
    let table = '';
    const named: string[] = [];
    for (const [, header, key] of fields) {
      if (header !== undefined) table = header;
      else if (table.startsWith('snp')) named.push(`${table}.${key as string}`);
    }
    assert.deepEqual(Object.keys(cases).sort(), named.sort());
    const made = appraise(snpEvidence(), parsePolicy(openPolicy), offline).map(({ id }) => id);
    assert.deepEqual(made.slice(3).sort(), named.map((name) => `policy/${name.replaceAll('.', '-')}`).sort());
  });

  test('all fields closed at once accept the evidence that they describe', () => {
    const closed = Object.fromEntries(
      Object.entries(cases)
        .filter(([, { base }]) => base === undefined)
        .map(([field, { value }]) => [field, value]),
    );
    assert.deepEqual(failures(appraise(snpEvidence(), parsePolicy(policyText(closed)), offline)), []);
  });
});

suite('fields whose evidence may lack what they look at are closed against it', () => {
  const failing = (changes: Readonly<Record<string, string>>, evidence: EvidenceChanges): string[] =>
    failures(appraise(snpEvidence(evidence), parsePolicy(policyText(changes)), offline));

  test('a report that the host asked for is of no level', () => {
    const checks = appraise(
      snpEvidence({ report: { 0x030: [0xff, 0xff, 0xff, 0xff] } }),
      parsePolicy(policyText({ 'snp.vmpl': '[0, 1, 2, 3]' })),
      offline,
    );
    assert.match(
      checks.find(({ status }) => status === 'fail')?.detail ?? '',
      /none: the host asked for it; the policy wants one of 0, 1, 2, 3/,
    );
  });

  test('a wrong author key is refused although the firmware checked it', () => {
    assert.deepEqual(failing({ 'snp.author-keys': list(0xa0, 48) }, { report: { 0x110: 0xa1 } }), [
      'policy/snp-author-keys',
    ]);
  });

  test('a report that names no chip is refused by both lists of chips', () => {
    for (const signingKey of ['vcek', 'vlek'] as const) {
      const masked = { claims: { chipId: undefined, signingKey } };
      assert.deepEqual(failing({ 'snp.chips-accepted': list(0, 64) }, masked), ['policy/snp-chips-accepted']);
      assert.deepEqual(failing({ 'snp.chips-refused': list(0xc2, 64) }, masked), [
        'policy/snp-chips-refused',
      ]);
    }
  });

  test('a row speaks of its first model, its last, and those between', () => {
    // The evidence is from model 11h.
    const rowOf = (models: string): Readonly<Record<string, string>> => ({
      'snp.firmware.minimum-tcb': genoaRow({ models }),
    });
    for (const models of ['[0x10, 0x11]', '[0x11, 0x1f]', '[0x11, 0x11]'])
      assert.deepEqual(failing(rowOf(models), {}), [], models);
    for (const models of ['[0x10, 0x10]', '[0x12, 0x1f]'])
      assert.deepEqual(failing(rowOf(models), {}), ['policy/snp-firmware-minimum-tcb'], models);
  });

  test('an unknown product is neither accepted nor told from a refused one', () => {
    const unknown = { claims: { product: undefined, tcb: undefined } };
    assert.deepEqual(failing({ 'snp.products': '["Genoa"]' }, unknown), ['policy/snp-products']);
    assert.deepEqual(failing({ 'snp.products-refused': '["Milan"]' }, unknown), [
      'policy/snp-products-refused',
    ]);
    assert.deepEqual(failing({ 'snp.firmware.minimum-version': '{ Genoa = "1.55.1" }' }, unknown), [
      'policy/snp-firmware-minimum-version',
    ]);
    assert.deepEqual(failing({ 'snp.firmware.provisional': '"refused"' }, unknown), [
      'policy/snp-firmware-provisional',
    ]);
    assert.deepEqual(failing({ 'snp.firmware.minimum-tcb': genoaRow() }, unknown), [
      'policy/snp-firmware-minimum-tcb',
    ]);
    assert.deepEqual(failing({ 'snp.firmware.minimum-tcb': genoaRow() }, { claims: { tcb: undefined } }), [
      'policy/snp-firmware-minimum-tcb',
    ]);
  });

  test('a VCEK names no provider, so the list of providers does not apply to it', () => {
    const checks = appraise(snpEvidence(), parsePolicy(policyText({ 'snp.csp-ids': '["x"]' })), offline);
    const check = checks.find(({ id }) => id === 'policy/snp-csp-ids');
    assert.equal(check?.status, 'not-applicable');
    assert.match(check.detail, /signed by a VCEK/);
  });

  test('a signing key that is not known is refused', () => {
    assert.deepEqual(
      failing({ 'snp.signing-keys': '["vcek", "vlek"]' }, { claims: { signingKey: undefined } }),
      ['policy/snp-signing-keys'],
    );
  });

  test('a report older than version 5 can show no mitigation', () => {
    const old = { report: { 0x000: 4 } };
    assert.deepEqual(failing({ 'snp.firmware.launch-mitigations': '[0]' }, old), [
      'policy/snp-firmware-launch-mitigations',
    ]);
    assert.deepEqual(failing({ 'snp.firmware.current-mitigations': '[0]' }, old), [
      'policy/snp-firmware-current-mitigations',
    ]);
  });

  test('no list of revocations is refused like an old one where one is required', () => {
    for (const status of ['none', 'bad'] as const)
      assert.deepEqual(
        failing(
          { 'snp.crl': '"required"' },
          {
            claims: {
              revocation: {
                status,
                crlNumber: undefined,
                thisUpdate: undefined,
                nextUpdate: undefined,
              },
            },
          },
        ),
        ['policy/snp-crl'],
      );
  });

  test('provisional firmware shows in its versions too', () => {
    assert.deepEqual(failing({ 'snp.firmware.provisional': '"refused"' }, { report: { 0x03f: 85 } }), [
      'policy/snp-firmware-provisional',
    ]);
  });
});

suite('minimum versions', () => {
  const failing = (rows: string, evidence: EvidenceChanges): string | undefined =>
    appraise(
      snpEvidence(evidence),
      parsePolicy(policyText({ 'snp.firmware.minimum-tcb': rows })),
      offline,
    ).find(({ status }) => status === 'fail')?.detail;

  test('each component counts for itself, reported and committed', () => {
    const offsets = { bootloader: 0, tee: 1, snp: 6, microcode: 7 };
    for (const [component, offset] of Object.entries(offsets))
      for (const [name, at] of [
        ['reported', 0x180],
        ['committed', 0x1e0],
      ] as const) {
        const high = Array<number>(8).fill(0);
        for (const each of Object.values(offsets)) high[each] = 200;
        const low = high.with(offset, 99);
        const rows = genoaRow({ bootloader: '100', tee: '100', snp: '100', microcode: '100' });
        assert.equal(failing(rows, { report: { 0x180: high, 0x1e0: high } }), undefined);
        assert.match(
          failing(rows, { report: { 0x180: high, 0x1e0: high, [at]: low } }) ?? '',
          new RegExp(`: ${name} ${component} 99 below 100 on`),
        );
      }
  });

  test('a Turin is held against its own layout, fmc first', () => {
    const turin = {
      0x188: [0x1a, 0x02, 1],
      0x180: [1, 1, 1, 4, 0, 0, 0, 0x51],
      0x1e0: [1, 1, 1, 4, 0, 0, 0, 0x51],
    };
    const row =
      '[{ product = "Turin", family = 0x1a, models = [0, 0x11], fmc = 1, bootloader = 1, tee = 1, snp = 4, microcode = 81 }]';
    assert.equal(failing(row, { report: turin }), undefined);
    assert.match(
      failing(row, { report: { ...turin, 0x180: [0, 1, 1, 4, 0, 0, 0, 0x51] } }) ?? '',
      /reported fmc 0 below 1/,
    );
  });

  test('a model has its own row: a Siena is not asked for the microcode of a Genoa', () => {
    const siena = {
      0x188: [0x19, 0xa0, 1],
      0x180: [10, 0, 0, 0, 0, 0, 27, 27],
      0x1e0: [10, 0, 0, 0, 0, 0, 27, 27],
    };
    const rows = `[${genoaRow().slice(1, -1)}, ${genoaRow({ models: '[0xa0, 0xaf]', microcode: '25' }).slice(1, -1)}]`;
    assert.equal(failing(rows, { report: siena }), undefined);
    assert.match(
      failing(rows, { report: { ...siena, 0x187: 24 } }) ?? '',
      /microcode 24 below 25 on Genoa family 19h model A0h/,
    );
  });

  test('a processor without a row is refused, whatever its versions', () => {
    const detail = /which has no row/;
    assert.match(failing(genoaRow({ models: '[0x10, 0x10]' }), {}) ?? '', detail);
    assert.match(failing(genoaRow({ models: '[0x12, 0x1f]' }), {}) ?? '', detail);
    assert.match(failing(genoaRow({ family: '0x1a' }), {}) ?? '', detail);
    assert.match(failing(genoaRow({ product: '"Milan"' }), {}) ?? '', detail);
  });

  test('a report of version 2, which names no model, must meet every row of its product', () => {
    const old = { 0x000: 2, 0x188: [0, 0, 0] };
    const lower = genoaRow({ models: '[0xa0, 0xaf]', microcode: '25' }).slice(1, -1);
    assert.equal(failing(`[${lower}, ${genoaRow().slice(1, -1)}]`, { report: old }), undefined);
    assert.match(
      failing(`[${lower}, ${genoaRow().slice(1, -1)}]`, { report: { ...old, 0x187: 26 } }) ?? '',
      /microcode 26 below 84 on Genoa;/,
    );
  });

  test('a generation that minimum-version does not name is refused', () => {
    const checks = appraise(
      snpEvidence(),
      parsePolicy(policyText({ 'snp.firmware.minimum-version': '{ Milan = "1.0.0", Turin = "1.0.0" }' })),
      offline,
    );
    assert.match(
      checks.find(({ status }) => status === 'fail')?.detail ?? '',
      /Genoa, which is not named; the policy wants at least 1\.0\.0 on Milan, at least 1\.0\.0 on Turin/,
    );
  });

  test('versions are compared number by number from the left', () => {
    for (const [least, good] of [
      ['1.55.43', true],
      ['1.55.44', false],
      ['1.54.99', true],
      ['0.99.99', true],
      ['2.0.0', false],
      ['1.56.0', false],
    ] as const) {
      const policy = parsePolicy(policyText({ 'snp.firmware.minimum-version': `{ Genoa = "${least}" }` }));
      assert.equal(failures(appraise(snpEvidence(), policy, offline)).length === 0, good, least);
    }
  });

  test('the row that decided gives the line, and so does the element of a list', () => {
    const rows = `[\n  ${genoaRow({ models: '[0, 0x0f]' }).slice(1, -1)},\n  ${genoaRow().slice(1, -1)},\n]`;
    const text = policyText({
      'snp.measurements': `[\n  "${hex(1, 48)}",\n  "${hex(0x3e, 48)}",\n]`,
      'snp.firmware.minimum-tcb': rows,
    });
    const lineOf = (part: string): number => text.slice(0, text.indexOf(part)).split('\n').length;
    const checks = appraise(snpEvidence(), parsePolicy(text), offline);
    assert.equal(
      checks.find(({ id }) => id === 'policy/snp-measurements')?.policyLine,
      lineOf(hex(0x3e, 48)),
    );
    for (const evidence of [{}, { report: { 0x187: 83 } }])
      assert.equal(
        appraise(snpEvidence(evidence), parsePolicy(text), offline).find(
          ({ id }) => id === 'policy/snp-firmware-minimum-tcb',
        )?.policyLine,
        lineOf('models = [0x10, 0x1f]'),
      );
  });
});
