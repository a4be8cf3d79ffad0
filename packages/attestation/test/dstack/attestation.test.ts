// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { recogniseEvidence } from '../../src/evidence.ts';
import { readDstackAttestation } from '../../src/dstack/attestation.ts';
import { vector, withoutVectors } from '../support/vectors.ts';

const report = Uint8Array.from({ length: 1184 }, (_, index) => index);
const reportData = report.subarray(0x50, 0x90);
const head = [0x00, 0x03, 0x81, 0x12];
/** Nothing configured, no event. */
const rest = [0x00, 0x00, ...reportData, 0x00];
const bytes = (...content: readonly number[]): Uint8Array => Uint8Array.from(content);
const refused = (input: Uint8Array, found: RegExp): void => {
  assert.throws(() => readDstackAttestation(input), { code: 'evidence/malformed', found });
};

describe('a dstack attestation', () => {
  test('gives report and certificates; events and configurations are passed over', () => {
    const input = bytes(
      ...head,
      ...report,
      0x04,
      0x08,
      5,
      6,
      0x04,
      9,
      0x08,
      0x04,
      65,
      0x00,
      0x00,
      0x04,
      1,
      ...reportData,
      0x04,
      1,
    );
    const expected = { report, endorsements: [Uint8Array.of(5, 6)] };
    assert.deepEqual(readDstackAttestation(input), expected);
    assert.deepEqual(recogniseEvidence(input), { format: 'snp', ...expected });
  });

  test('that a real machine gave is read', { skip: withoutVectors }, () => {
    const file = 'Dstack-TEE+dstack/dstack/dstack-attest/tests/sev_snp_attestation.bin';
    assert.deepEqual(recogniseEvidence(vector(file)).report, vector(`${file}.report.bin`));
  });

  test('whose report data is not that of its report is refused: somebody might read it there', () => {
    refused(bytes(...head, ...report, 0x00, 0x00, 0x00, ...new Uint8Array(64), 0x00), /report data/);
  });

  test('that is cut off, goes on, or counts what is not there is refused', () => {
    const whole = bytes(...head, ...report, 0x00, ...rest);
    readDstackAttestation(whole);
    for (let length = head.length; length < whole.length; length += 1)
      refused(whole.subarray(0, length), /cut off/);
    refused(bytes(...whole, 0), /data behind/);
    refused(bytes(...head, ...report, 0x24), /9 certificates/);
    refused(bytes(...head, ...report, 0x00, 0x00, 0xfe, 0xff, 0xff, 0xff), /cut off/);
  });

  test('with a length that is too large or not in its shortest form is refused', () => {
    refused(bytes(...head, ...report, 0x03), /too large/);
    refused(bytes(...head, ...report, 0x01, 0x00), /shortest form/);
    refused(bytes(...head, ...report, 0x00, 0x02, 0x00, 0x00, 0x00), /shortest form/);
  });
});
