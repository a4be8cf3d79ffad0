// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import fc from 'fast-check';

import { parsePolicy } from '@enarx/attestation';
import { EnarxError } from '@enarx/protocol';

import { hex } from '../appraise/snp-evidence.ts';
import { lineOfField, openPolicy, policyText } from './policy-text.ts';

/** The error that a policy text comes to. */
function refusal(text: string): EnarxError {
  try {
    parsePolicy(text);
  } catch (error) {
    assert.ok(error instanceof EnarxError);
    assert.equal(error.kind, 'malformed');
    return error as EnarxError;
  }
  throw new assert.AssertionError({ message: 'the policy was accepted' });
}

function refused(text: string, found: RegExp, code = 'policy/invalid'): void {
  const error = refusal(text);
  assert.equal(error.code, code, error.message);
  assert.match(error.found ?? '', found);
}

const fields = [...openPolicy.matchAll(/^\[(.*)\]$|^([a-z0-9-]+) = /gm)].reduce<{
  table: string;
  names: string[];
}>(
  ({ table, names }, [, header, key]) =>
    header === undefined
      ? { table, names: [...names, `${table}${key as string}`] }
      : { table: `${header}.`, names },
  { table: '', names: [] },
).names;

suite('a policy is refused', () => {
  test('when it is no TOML, with the line', () => {
    refused('version = 1\ntees = [\n', /Invalid TOML document/, 'policy/malformed');
    refused('version = 1\n\nversion = 2\n', /^line 3: Invalid TOML/, 'policy/malformed');
    refused('a = 1\nb = \n', /^line 2: /, 'policy/malformed');
    refused('a = 99999999999999999999\n', /Invalid TOML/, 'policy/malformed');
    refused(`a = ${'['.repeat(20)}${']'.repeat(20)}`, /./, 'policy/malformed');
  });

  test('when it is longer than 256 KiB', () => {
    refused(`${openPolicy}#${'x'.repeat(256 * 1024)}`, /^\d+ characters$/, 'policy/malformed');
    const most = `${openPolicy}#${'x'.repeat(256 * 1024 - openPolicy.length - 1)}`;
    parsePolicy(most);
    refused(`${most}x`, /^262145 characters$/, 'policy/malformed');
  });

  test('with the mistake that stands first in the file, wherever its field belongs', () => {
    const swapped = openPolicy.replace(/^version = 1\ntees = .*$/m, 'tees = 7\nversion = 2');
    refused(swapped, /^line 1, tees: .* \(and \d+ more\)$/);
  });

  test('when it is empty', () => {
    refused('', /^line 1, version: missing; every field must be spelt out \(and 3 more\)$/);
  });

  for (const field of fields)
    test(`when ${field} is missing`, () => {
      const last = field.split('.').at(-1) as string;
      refused(
        policyText({ [field]: null }),
        new RegExp(`, ${field.replaceAll('.', '\\.')}: missing|tees does not name`),
      );
      assert.ok(last.length > 0);
    });

  test('when a field is misspelt: it says what was meant, and where', () => {
    const misspelt: [RegExp, string, string][] = [
      [/^debug /m, 'debgu ', 'debug'],
      [/^measurements /m, 'measurement ', 'measurements'],
      [/^minimum-tcb /m, 'minimum_tcb ', 'minimum-tcb'],
      [/^page-swap-disabled /m, 'PageSwapDisabled ', 'page-swap-disabled'],
      [/^report-data /m, 'report-date ', 'report-data'],
      [/^simulated /m, 'simulate ', 'simulated'],
    ];
    for (const [from, to, meant] of misspelt) {
      const text = openPolicy.replace(from, to);
      const line = text.split('\n').findIndex((one) => one.startsWith(to)) + 1;
      // The field that was meant is missing, but that is told only after what was written instead of it.
      refused(
        text,
        new RegExp(
          `^line ${String(line)}, .*${to.trim()}: unknown field; did you mean "${meant}"\\? \\(and 1 more\\)$`,
        ),
      );
    }
  });

  test('when a field is unknown and like no other: it says which there are', () => {
    refused(
      `extra = 1\n${openPolicy}`,
      /^line 1, extra: unknown field; known here: version, tees, report-data, anchors, snp/,
    );
    refused(
      `${openPolicy}\n[snp.firmware.xyzzy]\n`,
      /snp\.firmware\.xyzzy: unknown field; known here: minimum-tcb/,
    );
    refused(`${openPolicy}\n[something."else\\n"]\n`, /, something: unknown field/);
    refused(`${openPolicy}\n["e\\nl"]\n`, /, "e\\nl": unknown field/);
    refused(`${openPolicy}\n["${'x'.repeat(300)}"]\n`, /, "x{64}": unknown field/);
    refused(`${openPolicy}\n[__proto__]\nx = 1\n`, /, __proto__: unknown field/);
    refused(`${openPolicy}\n[snp.constructor]\n`, /, snp\.constructor: unknown field/);
  });

  test('when its version is another', () => {
    for (const version of ['2', '0', '1.5', '"1"', 'true'])
      refused(
        policyText({ version }),
        /^line 1, version: must be 1, the only version that this release knows$/,
      );
  });

  test('when it names no kind of TEE, or one that is unknown', () => {
    refused(policyText({ tees: '[]' }), /tees: may not be empty/);
    refused(policyText({ tees: '"snp"' }), /^line 2, tees: must be a list of some of "snp"/);
    refused(policyText({ tees: '["snpp"]' }), /tees\[1\]: unknown word; did you mean "snp"\?/);
    refused(policyText({ tees: '["snp", "xyzzy"]' }), /^line 2, tees\[2\]: must be one of snp/);
    refused(policyText({ tees: '["snp", 7]' }), /^line 2, tees\[2\]: must be one of snp/);
  });

  test('when a kind of TEE has no table, or a table no kind', () => {
    refused(
      'version = 1\ntees = ["snp"]\nreport-data = "any"\n[anchors]\namd = "any"\nsimulated = "none"\n',
      /^line 1, snp: missing/,
    );
    refused(policyText({ tees: '["xyzzy"]' }), /tees\[1\]: must be one of/);
    refused(
      `version = 1\ntees = ["snp"]\nreport-data = "any"\nsnp = 3\n[anchors]\namd = "any"\nsimulated = "none"\n`,
      /^line 4, snp: must be a table$/,
    );
  });

  test('when no root is accepted, or one that has no pin', () => {
    refused(policyText({ 'anchors.amd': '"none"' }), /^line 5, anchors: no anchor is accepted/);
    refused(
      policyText().replace('amd = "any"', 'amd = "any"\nintel = "any"'),
      /^line 7, anchors\.intel: tees names no kind of Intel's; take this away$/,
    );
    refused(policyText({ 'anchors.amd': null }), /anchors\.amd: missing; every field must be spelt out/);
    refused(policyText({ 'anchors.amd': '[]' }), /anchors\.amd: may not be empty/);
    refused(
      policyText({ 'anchors.amd': '["ARK-Millan"]' }),
      /^line 6, anchors\.amd\[1\]: unknown word; did you mean "ARK-Milan"\?$/,
    );
    refused(
      policyText({ 'anchors.amd': `["${hex(1, 32)}"]` }),
      /anchors\.amd\[1\]: must be one of ARK-Naples/,
    );
  });

  test('when it would permit simulation without naming a key', () => {
    for (const value of ['"any"', '"passed"', 'true', '["any"]', '[]', '["ARK-Milan"]'])
      refused(policyText({ 'anchors.simulated': value }), /^line 7, anchors\.simulated/);
  });

  test('when a list of digests is empty, or an element has another length or other characters', () => {
    const sizes = {
      measurements: 48,
      'host-data': 32,
      'family-ids': 16,
      'image-ids': 16,
      'id-keys': 48,
      'author-keys': 48,
      'chips-accepted': 64,
      'chips-refused': 64,
    };
    for (const [field, size] of Object.entries(sizes)) {
      const bad = (value: string, found: RegExp): void => {
        refused(policyText({ [`snp.${field}`]: value }), found);
      };
      bad('[]', /may not be empty/);
      bad(`"${hex(1, size)}"`, new RegExp(`must be a list of ${String(size)}-byte values`));
      bad(`["${hex(1, size - 1)}"]`, new RegExp(`\\[1\\]: must be ${String(2 * size)} hexadecimal digits`));
      bad(`["${hex(1, size)}", "${hex(1, size)}0"]`, /\[2\]: must be/);
      bad(`["${'zz'.repeat(size)}"]`, /\[1\]: must be/);
      bad('[1]', /\[1\]: must be/);
      bad(field === 'chips-refused' ? '"any"' : '"none"', /must be a list/);
      parsePolicy(
        policyText({ [`snp.${field}`]: `["${hex(0xab, size)}", "${hex(0xab, size).toUpperCase()}"]` }),
      );
    }
  });

  test('when a number is none, or lies outside its range', () => {
    for (const value of ['-1', '4294967296', '1.5', 'nan', 'inf', '"1"', '[1]'])
      refused(
        policyText({ 'snp.guest-svn': value }),
        /snp\.guest-svn: must be a whole number from 0 to 4294967295$/,
      );
    for (const value of ['[4]', '[-1]', '[0.5]', '["0"]'])
      refused(policyText({ 'snp.vmpl': value }), /snp\.vmpl\[1\]: must be/);
    refused(policyText({ 'snp.vmpl': '0' }), /must be a list of levels/);
    refused(policyText({ 'snp.firmware.launch-mitigations': '[64]' }), /from 0 to 63/);
  });

  test('when a bit is not true, false or "any"', () => {
    for (const value of ['"true"', '0', '"none"', '"Any"', '{}'])
      refused(
        policyText({ 'snp.guest-policy.debug': value }),
        /^line \d+, snp\.guest-policy\.debug: must be true, false or "any"$/,
      );
  });

  test('when a word is another', () => {
    refused(policyText({ 'report-data': '"Required"' }), /report-data: must be "required" or "any"/);
    refused(policyText({ 'report-data': 'true' }), /report-data: must be "required" or "any"/);
    refused(policyText({ 'snp.crl': '"requried"' }), /snp\.crl: must be "required" or "any"/);
    refused(policyText({ 'snp.firmware.provisional': 'false' }), /must be "refused" or "any"/);
    refused(policyText({ 'snp.firmware.launch-tcb': '"minimum"' }), /must be "minimum-tcb" or "any"/);
    refused(policyText({ 'snp.products': '["Bergamo"]' }), /must be one of Milan, Genoa, Turin/);
    refused(policyText({ 'snp.products': '["genoa"]' }), /did you mean "Genoa"\?/);
    refused(policyText({ 'snp.csp-ids': '[""]' }), /may not be an empty text/);
    refused(policyText({ 'snp.csp-ids': '[1]' }), /must be a text/);
  });

  test('when a version is none', () => {
    for (const value of ['"1"', '"1.2.3"', '"1.256"', '1.51', '"v1.51"', '"1.51 "', '""'])
      refused(policyText({ 'snp.guest-policy.abi-minimum': value }), /must be a version such as "1\.51"/);
    for (const value of ['{ Genoa = "1.55" }', '{ Genoa = "1.55.999" }', '{ Genoa = 1 }'])
      refused(
        policyText({ 'snp.firmware.minimum-version': value }),
        /minimum-version\.Genoa: must be a version such as "1\.55\.38"/,
      );
    refused(policyText({ 'snp.firmware.minimum-version': '{}' }), /may not be empty: name each generation/);
    refused(
      policyText({ 'snp.firmware.minimum-version': '{ Genova = "1.55.38" }' }),
      /did you mean "Genoa"\?/,
    );
    refused(policyText({ 'snp.firmware.minimum-version': '"1.55.38"' }), /must be a table/);
  });

  test('when a row of minimum-tcb is not whole', () => {
    const row =
      'product = "Genoa", family = 0x19, models = [0x10, 0x1f], bootloader = 10, tee = 0, snp = 23, microcode = 84';
    const bad = (value: string, found: RegExp): void => {
      refused(policyText({ 'snp.firmware.minimum-tcb': value }), found);
    };
    parsePolicy(policyText({ 'snp.firmware.minimum-tcb': `[{ ${row} }]` }));
    bad('[]', /may not be empty: give a table for each processor model/);
    bad(`{ ${row} }`, /must be tables/);
    bad(`[{ ${row.replace(', snp = 23', '')} }]`, /minimum-tcb\[1\]\.snp: missing/);
    bad(
      `[{ ${row.replace('microcode', 'ucode')} }]`,
      /minimum-tcb\[1\]\.(microcode: missing|ucode: unknown field)/,
    );
    bad(
      `[{ ${row}, bootlader = 1 }]`,
      /minimum-tcb\[1\]\.bootlader: unknown field; did you mean "bootloader"\?/,
    );
    bad(`[{ ${row.replace('84', '256')} }]`, /microcode: must be a whole number from 0 to 255/);
    bad(
      `[{ ${row.replace('[0x10, 0x1f]', '[0x1f, 0x10]')} }]`,
      /models: must be the first and the last model/,
    );
    bad(`[{ ${row.replace('[0x10, 0x1f]', '[0x10]')} }]`, /models.*: must be/);
    bad(`[{ ${row.replace('[0x10, 0x1f]', '[0x10, 0x1f, 0x20]')} }]`, /models.*: must be/);
    bad(`[{ ${row.replace('[0x10, 0x1f]', '16')} }]`, /models: must be the first and the last model/);
    bad(`[{ ${row.replace('Genoa', 'Rome')} }]`, /product: must be one of/);
    bad(`[{ ${row}, fmc = 1 }]`, /a Turin has a version of fmc, and no other product has one/);
    bad(`[{ ${row.replace('Genoa', 'Turin')} }]`, /a Turin has a version of fmc/);
  });

  test('when the versions at launch are to meet rows that are not there', () => {
    refused(
      policyText({ 'snp.firmware.launch-tcb': '"minimum-tcb"' }),
      /^line \d+, snp\.firmware\.launch-tcb: "minimum-tcb" needs rows/,
    );
  });
});

suite('a policy is accepted', () => {
  test('whatever form of TOML it has', () => {
    const inline = openPolicy
      .replace('[anchors]\namd = "any"\nsimulated = "none"', 'anchors = { amd = "any", simulated = "none" }')
      .replace('[snp.guest-policy]\n', '')
      .replace(
        /^(abi-minimum|debug|migrate-ma|single-socket|cxl|mem-aes-256-xts|page-swap-disabled|unknown-bits) =/gm,
        'guest-policy.$1 =',
      )
      .replace(/smt = "any"\nguest-policy.single/, 'guest-policy.smt = "any"\nguest-policy.single')
      .replace(
        /rapl-disabled = "any"\nciphertext-hiding = "any"\nguest-policy.page/,
        'guest-policy.rapl-disabled = "any"\nguest-policy.ciphertext-hiding = "any"\nguest-policy.page',
      );
    const policy = parsePolicy(inline);
    assert.equal(
      policy.lines?.lineOf(['snp', 'guest-policy', 'debug']),
      lineOfField(inline, 'snp.guest-policy.debug') ||
        inline.split('\n').indexOf('guest-policy.debug = "any"') + 1,
    );
  });
});

test('no text whatever gets anything but a policy or an error that says what is wrong', () => {
  const value = fc.constantFrom(
    '"any"',
    '"none"',
    '[]',
    '{}',
    '1',
    '-1',
    'true',
    '"x"',
    '[1, "a"]',
    '[[]]',
    '{ a = 1 }',
    '1979-05-27',
    'inf',
    '"required"',
  );
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...fields), fc.oneof(value, fc.constant(null)), { maxKeys: 6 }),
      (changes) => {
        try {
          parsePolicy(policyText(changes));
        } catch (error) {
          assert.ok(error instanceof EnarxError && error.code === 'policy/invalid', String(error));
          assert.match(error.found ?? '', /^line \d+, [a-z]/);
        }
      },
    ),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(
      fc.nat(openPolicy.length),
      fc.nat(40),
      fc.string({ maxLength: 12, unit: 'binary' }),
      (at, cut, put) => {
        try {
          parsePolicy(openPolicy.slice(0, at) + put + openPolicy.slice(at + cut));
        } catch (error) {
          assert.ok(error instanceof EnarxError && error.kind === 'malformed', String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});
