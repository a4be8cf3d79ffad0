// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { recogniseEvidence } from '../../src/evidence.ts';
import { readGoSevGuest } from '../../src/go-sev-guest/attestation.ts';
import { looksLikeGoSevGuestText, readGoSevGuestText } from '../../src/go-sev-guest/text.ts';
import { report, written, writtenAsJson, writtenAsText } from './written.ts';

const utf8 = (text: string): Buffer => Buffer.from(text);
const refused = (bytes: Uint8Array, found: RegExp): void => {
  assert.throws(() => recogniseEvidence(bytes), { code: 'evidence/malformed', found });
};

describe('the text form of an attestation of go-sev-guest', () => {
  test('gives the very report of which it was made', () => {
    assert.ok(looksLikeGoSevGuestText(writtenAsText));
    assert.ok(!looksLikeGoSevGuestText(written));
    assert.deepEqual(Buffer.from(recogniseEvidence(writtenAsText).report), report);
  });

  test('may be written in other ways: lines, comments, separators, octal, no colons before messages', () => {
    const other = writtenAsText
      .toString()
      .replace(/^report:/, '# of a test\nreport ')
      .replace(' vmpl:1', ',\n vmpl: 1;')
      .replaceAll(
        /\\x([0-9a-f]{2})/g,
        (_, hex: string) => `\\${parseInt(hex, 16).toString(8).padStart(3, '0')}`,
      );
    // The comment stands before the name by which it is told.
    assert.deepEqual(Buffer.from(readGoSevGuest(readGoSevGuestText(utf8(other))).report), report);
  });

  test('gives its certificates with all their bytes, those that make UTF-8 among them', () => {
    const chain = String.raw`certificate_chain:{vcek_cert:"\x00\a\b\t\n\v\f\r\"\'\\\?é\xff" extras:{key:"k" value:"v"} extras:{} vlek_cert:"\7"}`;
    const text = writtenAsText.toString().replace('certificate_chain:{}', chain);
    assert.deepEqual(
      recogniseEvidence(utf8(text)).endorsements.map((bytes) => [...bytes]),
      [[0, 7, 8, 9, 10, 11, 12, 13, 0x22, 0x27, 0x5c, 0x3f, 0xc3, 0xa9, 0xff], [7]],
    );
  });

  test('is refused however many escapes it has', () => {
    refused(utf8(`report { measurement: "${'\\a'.repeat(400_000)}" }`), /field 12 of 400000 bytes/);
  });

  test('is refused when it is broken', () => {
    for (const [text, found] of [
      ['report {', /a message without its end/],
      ['report { version: 3 } }', /character 23/],
      ['report { version: 3 version: 3 }', /the field version twice/],
      ['report { version: }', /the field version in text/],
      ['report { version: "3" }', /the field version in an attestation/],
      ['report { measurement: 3 }', /the field measurement in an attestation/],
      ['report { measurement {} }', /the field measurement in an attestation/],
      ['report { unheard_of: 3 }', /the field unheard_of in an attestation/],
      ['report { measurement: "" }', /field 12 of 0 bytes/],
      ['report { version: 3 ! }', /character 20/],
      ['report { version: 3 "a" }', /character 23/],
      ['report { measurement: "\\xzz" }', /the escape \\x/],
      ['report { measurement: "\\777" }', /the escape \\777/],
      ['report { measurement: "\\z" }', /the escape \\z/],
      ['report { version: 18446744073709551616 }', /too large/],
      ['report { a { b { c { d {} } } } }', /more than 4 messages/],
      ['report {} certificate_chain: 3', /without its messages/],
    ] as const)
      refused(utf8(text), found);
    assert.throws(() => readGoSevGuestText(utf8('product {}')), { found: /without its messages/ });
  });
});

describe('the JSON form of an attestation of go-sev-guest', () => {
  interface Form {
    report: Record<string, unknown>;
    certificateChain?: unknown;
  }
  const changed = (change: (form: Form) => void): Buffer => {
    const form = JSON.parse(writtenAsJson.toString()) as Form;
    change(form);
    return utf8(JSON.stringify(form));
  };

  test('gives the very report of which it was made, and its certificates', () => {
    assert.deepEqual(Buffer.from(recogniseEvidence(writtenAsJson).report), report);
    const withChain = changed((form) => {
      form.certificateChain = { vcekCert: 'AQI=', vlekCert: '', extras: { key: 'AA==' }, more: null };
    });
    assert.deepEqual(recogniseEvidence(changed((form) => (form.certificateChain = null))).endorsements, []);
    assert.deepEqual(recogniseEvidence(withChain).endorsements, [Uint8Array.of(1, 2)]);
  });

  test('is refused when it is broken', () => {
    refused(
      changed(({ report: fields }) => (fields['policy'] = '-1')),
      /the member policy/,
    );
    refused(
      changed(({ report: fields }) => (fields['policy'] = 1.5)),
      /the member policy/,
    );
    refused(
      changed(({ report: fields }) => (fields['policy'] = null)),
      /the member policy/,
    );
    refused(
      changed(({ report: fields }) => (fields['chipId'] = 7)),
      /the member chipId/,
    );
    refused(
      changed(({ report: fields }) => (fields['chipId'] = 'ä')),
      /the member chipId/,
    );
    refused(
      changed(({ report: fields }) => (fields['chipId'] = {})),
      /the field chip_id/,
    );
    refused(
      changed(({ report: fields }) => (fields['other'] = 'AA==')),
      /the field other/,
    );
  });
});
