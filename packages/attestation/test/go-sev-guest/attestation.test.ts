// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { recogniseEvidence } from '../../src/evidence.ts';
import {
  looksLikeGoSevGuest,
  looksLikeGoTpmTools,
  readGoSevGuest,
} from '../../src/go-sev-guest/attestation.ts';

/**
 * What go-sev-guest 0.15.0 makes (`abi.ReportToProto`, `proto.Marshal`) of the report below, in which each byte that may differ from zero
 * is another: written by the tool itself, so that no number of a field is ours.
 */
const written = Buffer.from(
  'CoQICAMQn8y0oQMYgIAMIhBzeoGIj5adpKuyucDHztXcKhDj6vH4/wYNFBsiKTA3PkVMMAE4AUCLpYKAgIDA2rwBSCVaQDM6QUhP' +
    'Vl1ka3J5gIeOlZyjqrG4v8bN1Nvi6fD3/gUMExohKC82PURLUllgZ251fIOKkZifpq20u8LJ0Nfe5exiMPP6AQgPFh0kKzI5QEdO' +
    'VVxjanF4f4aNlJuiqbC3vsXM09rh6O/2/QQLEhkgJy41PGogQ0pRWF9mbXR7gomQl56lrLO6wcjP1t3k6/L5AAcOFRxyMCMqMTg/' +
    'Rk1UW2JpcHd+hYyTmqGor7a9xMvS2eDn7vX8AwoRGB8mLTQ7QklQV15lbHowc3qBiI+WnaSrsrnAx87V3OPq8fj/Bg0UGyIpMDc+' +
    'RUxTWmFob3Z9hIuSmaCnrrW8ggEgw8rR2N/m7fT7AgkQFx4lLDM6QUhPVl1ka3J5gIeOlZyKASCjqrG4v8bN1Nvi6fD3/gUMExoh' +
    'KC82PURLUllgZ251fJABg5WCgICAwNa0AZoBQGNqcXh/ho2Um6KpsLe+xczT2uHo7/b9BAsSGSAnLjU8Q0pRWF9mbXR7gomQl56l' +
    'rLO6wcjP1t3k6/L5AAcOFRygAaPUgICAgMCmVKgBW7ABYrgBacABd8gBftABhQHYAZO1goCAgMDexAHiAYAEY2pxeH+GjZSboqmw' +
    't77FzNPa4ejv9v0ECxIZICcuNTxDSlFYX2ZtdHuCiZCXnqWsAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAW2JpcHd+hYyTmqGor7a9' +
    'xMvS2eDn7vX8AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' +
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' +
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' +
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' +
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' +
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADoAZKeqAUSABoGCAIaAggB',
  'base64',
);

const report = ((): Buffer => {
  const bytes = Buffer.from(Uint8Array.from({ length: 1184 }, (_, index) => index * 7 + 3));
  for (const [at, length] of [
    [0x08, 8],
    [0x30, 8],
    [0x3a, 4],
    [0x40, 16],
    [0x182, 4],
    [0x18b, 21],
    [0x1e2, 4],
    [0x1eb, 1],
    [0x1ef, 1],
    [0x1f2, 4],
    [0x1f8, 168],
    [0x2d0, 24],
    [0x318, 392],
  ] as const)
    bytes.fill(0, at, at + length);
  for (const [at, value] of [
    [0x00, 3],
    [0x08, 0x3_0000],
    [0x30, 1],
    [0x34, 1],
    [0x40, 0x25],
  ] as const)
    bytes.writeUInt32LE(value, at);
  bytes.set([0x19, 0xa1, 2], 0x188);
  return bytes;
})();

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
