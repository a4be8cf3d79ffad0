// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatTime, reasonOf } from '../src/checks.ts';
import { attestationProblem } from '../src/problems.ts';
import { parseSnpReport, readGuestPolicy, readPlatformInfo } from '../src/snp/report.ts';

test('the sentence of a typed error becomes the detail of a check, our own faults go on as they are', () => {
  assert.match(reasonOf(attestationProblem('der/malformed', { found: 'noise' })), /found noise/);
  const fault = new TypeError('a bug');
  assert.throws(() => reasonOf(fault), fault);
});

test('points in time are written as people read them, before 1970 and after 2100 too', () => {
  for (const text of [
    '1969-12-31T23:59:59Z',
    '1970-01-01T00:00:00Z',
    '2000-02-29T12:34:56Z',
    '9999-12-31T23:59:59Z',
  ])
    assert.equal(formatTime(Date.parse(text)), text);
});

test('a report of another length is refused as malformed', () => {
  for (const length of [0, 1183, 1185])
    assert.throws(() => parseSnpReport(new Uint8Array(length)), {
      code: 'snp/report-malformed',
      kind: 'malformed',
    });
});

test('each bit of the guest policy has its own name', () => {
  const names = [
    'smt',
    'reservedOne',
    'migrateMa',
    'debug',
    'singleSocket',
    'cxlAllow',
    'memAes256Xts',
    'raplDisable',
    'ciphertextHidingDram',
    'pageSwapDisable',
  ] as const;
  for (const [index, name] of names.entries()) {
    const policy = readGuestPolicy(1n << BigInt(16 + index));
    assert.deepEqual(
      names.filter((other) => policy[other]),
      [name],
    );
    assert.equal(policy.unknown, 0n);
  }
  const { abiMajor, abiMinor, unknown } = readGuestPolicy(0x8000_0000_0400_1234n);
  assert.deepEqual([abiMajor, abiMinor, unknown], [0x12, 0x34, 0x8000_0000_0400_0000n]);
});

test('each bit of the platform information has its own name, and the sixth has none', () => {
  const names = [
    'smtEnabled',
    'tsmeEnabled',
    'eccEnabled',
    'raplDisabled',
    'ciphertextHidingDramEnabled',
    'aliasCheckComplete',
    undefined,
    'tioEnabled',
  ] as const;
  for (const [index, name] of names.entries()) {
    const platform = readPlatformInfo(1n << BigInt(index));
    assert.deepEqual(
      names.filter((other) => other !== undefined && platform[other]),
      name === undefined ? [] : [name],
    );
    assert.equal(platform.unknown, name === undefined ? 0x40n : 0n);
  }
});
