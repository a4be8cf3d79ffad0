// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { recogniseEvidence } from '../../src/evidence.ts';
import { readOakEvidence } from '../../src/oak/evidence.ts';
import { vector, withoutVectors } from '../support/vectors.ts';

const report = Uint8Array.from({ length: 1184 }, (_, index) => index);
const reportField = [0x12, 0xa0, 0x09, ...report];
const platform = [0x08, 0x01];
const field = (number: number, content: readonly number[]): number[] => [
  (number << 3) | 2,
  ...(content.length < 128 ? [content.length] : [(content.length & 0x7f) | 0x80, content.length >> 7]),
  ...content,
];
const bytes = (...content: readonly number[]): Uint8Array => Uint8Array.from(content);
const refused = (input: Uint8Array, found: RegExp): void => {
  assert.throws(() => readOakEvidence(input), { code: 'evidence/malformed', found });
};

describe('Oak evidence', () => {
  test('gives the report of its root layer, whatever layers stand above', () => {
    const input = bytes(
      ...field(1, [...platform, ...reportField, 0x1a, 0x02, 1, 2]),
      0x12,
      0x01,
      7,
      0x18,
      0x00,
    );
    assert.deepEqual(readOakEvidence(input), report);
    assert.deepEqual(recogniseEvidence(input).report, report);
  });

  test('that real machines gave is read', { skip: withoutVectors }, () => {
    const base = 'project-oak+oak/oak_attestation_verification/testdata';
    for (const name of ['milan_oc_release_evidence', 'milan_rk_release_evidence'])
      assert.deepEqual(
        recogniseEvidence(vector(`${base}/${name}.binarypb`)).report,
        vector(`${base}/${name}.binarypb.report.bin`),
      );
  });

  test('without a root layer, or with two, is refused: which would count?', () => {
    const root = field(1, [...platform, ...reportField]);
    refused(bytes(0x12, 0x00), /its one root layer/);
    refused(bytes(...root, ...root), /its one root layer/);
  });

  test('of another platform is refused', () => {
    refused(bytes(...field(1, [0x08, 0x02, ...reportField])), /another platform/);
    refused(bytes(...field(1, [...reportField, ...platform])), /another platform/);
    refused(bytes(...field(1, [...platform, ...platform, ...reportField])), /another platform/);
  });

  test('without one report of the right length is refused', () => {
    refused(bytes(...field(1, [...platform, 0x12, 0x01, 0])), /without one report of 1184 bytes/);
    refused(bytes(...field(1, [...platform, 0x1a, 0x00])), /without one report/);
    refused(bytes(...field(1, [...platform, ...reportField, ...reportField])), /without one report/);
  });

  test('that is no Protocol Buffers message of varints and bytes is refused', () => {
    refused(bytes(0x0a), /cut off/);
    refused(bytes(0x0a, 0x05, 1), /cut off/);
    refused(bytes(0x0a, 0x80, 0x00), /shortest form/);
    refused(bytes(0x0a, 0xff, 0xff, 0xff, 0xff, 0x01), /cut off/);
    refused(bytes(0x08, ...Array.from({ length: 10 }, () => 0xff), 0x01), /too large/);
    refused(bytes(0x08, ...Array.from({ length: 9 }, () => 0xff), 0x02), /too large/);
    refused(bytes(0x0d, 1, 2, 3, 4), /wire type 5/);
  });
});
