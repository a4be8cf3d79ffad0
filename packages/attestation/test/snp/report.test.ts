// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { EnarxError } from '@enarx/protocol';

import { parseSnpReport, readGuestPolicy, readPlatformInfo, type SnpReport } from '../../src/snp/report.ts';

// That the offsets are those of the hardware, real reports show (corpus/judge.ts). Here every byte and bit of the fields counts.

/** A report of version 5 in which each byte but the first four is another than its neighbours. */
const bytes = Uint8Array.from({ length: 0x4a0 }, (_, at) =>
  at < 4 ? ([5, 0, 0, 0][at] as number) : (at * 7) % 251,
);
const report = parseSnpReport(bytes);

describe('the fields of a report', () => {
  test('are bytes from their first to their last (SEV-SNP ABI, table 23)', () => {
    const table: readonly [keyof SnpReport, at: number, length: number][] = [
      ['familyId', 0x10, 16],
      ['imageId', 0x20, 16],
      ['currentTcb', 0x38, 8],
      ['reportData', 0x50, 64],
      ['measurement', 0x90, 48],
      ['hostData', 0xc0, 32],
      ['idKeyDigest', 0xe0, 48],
      ['authorKeyDigest', 0x110, 48],
      ['reportId', 0x140, 32],
      ['reportIdMa', 0x160, 32],
      ['reportedTcb', 0x180, 8],
      ['chipId', 0x1a0, 64],
      ['committedTcb', 0x1e0, 8],
      ['launchTcb', 0x1f0, 8],
    ];
    for (const [field, at, length] of table)
      assert.deepEqual(report[field], bytes.subarray(at, at + length), field);
  });

  test('are numbers of their size, the lowest byte first', () => {
    const view = new DataView(bytes.buffer);
    assert.equal(report.guestSvn, view.getUint32(0x04, true));
    assert.equal(report.policy.raw, view.getBigUint64(0x08, true));
    assert.equal(report.vmpl, view.getUint32(0x30, true));
    assert.equal(report.signatureAlgorithm, view.getUint32(0x34, true));
    assert.equal(report.platformInfo.raw, view.getBigUint64(0x40, true));
    assert.equal(report.launchMitigationVector, view.getBigUint64(0x1f8, true));
    assert.equal(report.currentMitigationVector, view.getBigUint64(0x200, true));
    const [family, model, stepping] = bytes.subarray(0x188) as unknown as [number, number, number];
    assert.deepEqual(report.cpuid, { family, model, stepping });
    for (const [found, at] of [
      [report.currentFirmware, 0x1e8],
      [report.committedFirmware, 0x1ec],
    ] as const) {
      const [build, minor, major] = bytes.subarray(at) as unknown as [number, number, number];
      assert.deepEqual(found, { build, minor, major });
    }
  });

  test('of one version are not read in one before it', () => {
    const ofVersion = (version: number): SnpReport => parseSnpReport(bytes.with(0, version));
    assert.equal(ofVersion(2).cpuid, undefined);
    assert.ok(ofVersion(3).cpuid);
    for (const version of [2, 3, 4]) {
      assert.equal(ofVersion(version).launchMitigationVector, undefined);
      assert.equal(ofVersion(version).currentMitigationVector, undefined);
    }
  });

  test('on the key are one bit, one bit and three', () => {
    const withKey = (octet: number): SnpReport => parseSnpReport(bytes.with(0x48, octet));
    for (const octet of Array.from({ length: 256 }, (_, value) => value)) {
      const { authorKeyEnabled, maskChipKey, signingKey } = withKey(octet);
      assert.equal(authorKeyEnabled, octet % 2 === 1);
      assert.equal(maskChipKey, octet % 4 >= 2);
      const key = Math.floor(octet / 4) % 8;
      assert.equal(
        signingKey,
        ({ 0: 'vcek', 1: 'vlek', 7: 'none' } as Record<number, string>)[key] ?? 'reserved',
      );
    }
  });

  test('are read of 1184 bytes, no more and no fewer', () => {
    for (const wrong of [bytes.subarray(1), new Uint8Array([...bytes, 0]), new Uint8Array()])
      assert.throws(
        () => parseSnpReport(wrong),
        (error) =>
          error instanceof EnarxError &&
          error.code === 'snp/report-malformed' &&
          error.found === `${String(wrong.length)} bytes` &&
          error.expected === '1184 bytes',
      );
    for (const version of [0, 1, 6])
      assert.throws(() => parseSnpReport(bytes.with(0, version)), {
        code: 'snp/report-version',
        found: `version ${String(version)}`,
        expected: 'one of 2, 3, 4, 5',
      });
    // The number is of four bytes.
    assert.throws(() => parseSnpReport(bytes.with(3, 1)), { found: 'version 16777221' });
  });
});

/** Whatever is said of one bit alone: its name, or what is left over. */
function namesOf(read: (raw: bigint) => object, bit: number): string[] {
  const { raw, ...said } = read(1n << BigInt(bit)) as Record<string, unknown>;
  assert.equal(raw, 1n << BigInt(bit));
  return Object.entries(said).flatMap(([name, value]) =>
    value === true || (typeof value !== 'boolean' && BigInt(value as number) !== 0n) ? [name] : [],
  );
}

test('each bit of the guest policy has one name', () => {
  const names = [
    ...Array<string>(8).fill('abiMinor'),
    ...Array<string>(8).fill('abiMajor'),
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
    ...Array<string>(38).fill('unknown'),
  ];
  assert.equal(names.length, 64);
  for (const [bit, name] of names.entries())
    assert.deepEqual(namesOf(readGuestPolicy, bit), [name], String(bit));
  const { abiMajor, abiMinor, unknown } = readGuestPolicy(0xffff_ffff_fc03_1237n);
  assert.deepEqual([abiMajor, abiMinor, unknown], [0x12, 0x37, 0xffff_ffff_fc00_0000n]);
});

test('each bit of the platform’s facts has one name', () => {
  const names = [
    'smtEnabled',
    'tsmeEnabled',
    'eccEnabled',
    'raplDisabled',
    'ciphertextHidingDramEnabled',
    'aliasCheckComplete',
    'unknown',
    'tioEnabled',
    ...Array<string>(56).fill('unknown'),
  ];
  assert.equal(names.length, 64);
  for (const [bit, name] of names.entries())
    assert.deepEqual(namesOf(readPlatformInfo, bit), [name], String(bit));
  assert.equal(readPlatformInfo(0xffn).unknown, 0x40n);
});
