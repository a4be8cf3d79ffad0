// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { recogniseEvidence } from '../../src/evidence.ts';
import {
  looksLikeGoSevGuest,
  looksLikeGoTpmTools,
  readGoSevGuest,
} from '../../src/go-sev-guest/attestation.ts';
import { report, written } from './written.ts';

const head = 3;
/** Length of `report` in the message, in two octets. */
const reportLength = (written[1] as number) - 0x80 + (written[2] as number) * 128;
const inner = written.subarray(head, head + reportLength);
const field = (number: number, content: Uint8Array): Buffer => {
  assert.ok(content.length > 127);
  return Buffer.concat([
    Buffer.of((number << 3) | 2, (content.length & 0x7f) | 0x80, content.length >> 7),
    content,
  ]);
};
const refused = (message: Uint8Array, found: RegExp): void => {
  assert.throws(() => readGoSevGuest(message), { code: 'evidence/malformed', found });
};

describe('an attestation of go-sev-guest', () => {
  test('gives the very report of which it was made', () => {
    assert.ok(looksLikeGoSevGuest(written));
    assert.deepEqual(Buffer.from(readGoSevGuest(written).report), report);
    assert.deepEqual(Buffer.from(recogniseEvidence(written).report), report);
    assert.ok(!looksLikeGoSevGuest(report));
  });

  test('is zero wherever it says nothing, as is the rule of Protocol Buffers', () => {
    // Field 32, of which nobody knows anything yet, 200 bytes.
    const version2 = Buffer.of(0x08, 2, 0x82, 0x02, 0xc8, 0x01, ...new Uint8Array(200));
    const rebuilt = readGoSevGuest(field(1, version2)).report;
    assert.deepEqual(
      rebuilt,
      Uint8Array.from({ length: 1184 }, (_, index) => (index === 0 ? 2 : 0)),
    );
  });

  test('gives the mitigations of version 5', () => {
    const version5 = Buffer.concat([inner, Buffer.of(0xf0, 0x01, 0x81, 0x02, 0xf8, 0x01, 0x07)]);
    version5[1] = 5;
    const rebuilt = readGoSevGuest(field(1, version5)).report;
    assert.equal(rebuilt[0], 5);
    assert.deepEqual([...rebuilt.subarray(0x1f8, 0x208)], [1, 1, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
  });

  test('gives its certificates, of whatever kind, and passes over what no check looks at', () => {
    const [vcek, ask, ark, vlek] = [1, 2, 3, 4].map((byte) => new Uint8Array(200).fill(byte)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const chain = Buffer.concat([
      field(1, vcek),
      field(2, ask),
      field(3, ark),
      field(6, vlek),
      field(7, vcek),
      field(7, ask),
    ]);
    const message = Buffer.concat([field(1, inner), field(2, chain)]);
    assert.deepEqual(
      readGoSevGuest(message).endorsements,
      [vcek, ask, ark, vlek].map((one) => Buffer.from(one)),
    );
    assert.deepEqual(recogniseEvidence(message).endorsements.length, 4);
    const empty = Buffer.concat([field(1, inner), Buffer.of(0x12, 0x02, 0x0a, 0x00)]);
    assert.deepEqual(readGoSevGuest(empty).endorsements, []);
  });

  test('that says a thing twice is refused: which would count?', () => {
    refused(Buffer.concat([field(1, inner), field(1, inner)]), /field 1 twice/);
    refused(field(1, Buffer.concat([inner, Buffer.of(0x30, 0x02)])), /field 6 twice/);
  });

  test('with a number or bytes that no report has room for is refused', () => {
    // 21 is a byte of the version, 12 the measurement.
    const replaced = (from: readonly number[], to: readonly number[]): Buffer => {
      const at = inner.indexOf(Buffer.from(from));
      assert.ok(at > 0);
      return field(
        1,
        Buffer.concat([inner.subarray(0, at), Buffer.from(to), inner.subarray(at + from.length)]),
      );
    };
    const build = report[0x1e8] as number;
    refused(
      replaced([0xa8, 0x01, ...(build < 128 ? [build] : [build, 1])], [0xa8, 0x01, 0x80, 0x02]),
      /field 21 of 256/,
    );
    const measurement = [...report.subarray(0x90, 0xc0)];
    refused(
      replaced([0x62, 48, ...measurement], [0x62, 47, ...measurement.slice(1)]),
      /field 12 of 47 bytes/,
    );
  });

  test('in one of go-tpm-tools is found beside the quotes of the TPM', () => {
    const rsa = Buffer.concat([Buffer.of(0, 1, 0, 11), new Uint8Array(276)]);
    const ecc = Buffer.concat([Buffer.of(0x0a, 88, 0, 0x23, 0, 11), new Uint8Array(84)]);
    for (const key of [field(1, rsa), ecc]) {
      const quote = field(2, new Uint8Array(200));
      const message = Buffer.concat([key, quote, quote, field(8, field(1, inner))]);
      assert.ok(looksLikeGoTpmTools(message));
      assert.deepEqual(Buffer.from(recogniseEvidence(message).report), report);
      for (const other of [
        Buffer.concat([key, quote]),
        Buffer.concat([message, field(8, field(1, inner))]),
        Buffer.concat([key, field(8, new Uint8Array(200))]),
      ])
        assert.throws(() => recogniseEvidence(other), {
          code: 'evidence/unrecognised',
          found: /go-tpm-tools without one of SEV-SNP/,
        });
    }
  });
});
