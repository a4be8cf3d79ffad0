// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { suite, test } from 'node:test';

import { tdxLaunchDigest } from '@enarx/attestation/measure';
import { toHex } from '@enarx/protocol';

import { otherVector, otherVectorPath } from '../support/vectors.ts';
import { buildFirmware, guids, words } from './built-firmware.ts';

/** Not in the collection: `OVMF.fd` and `expected.json` are to be laid there from virtee's repository of that name. */
const published = 'tdx/virtee+tdx-measure';
const needsVectors = {
  skip: existsSync(otherVectorPath(published)) ? false : `no vectors in ${otherVectorPath(published)}`,
};

interface Section {
  readonly offset?: number;
  readonly raw?: number;
  readonly gpa?: number;
  readonly gpaHigh?: number;
  readonly size?: number;
  readonly sizeHigh?: number;
  readonly type?: number;
  readonly flags?: number;
}

const at = 0x200;
/** One page, measured. */
const volume: Section = { offset: 4096, raw: 4096, gpa: 0xffff_f000, size: 4096, type: 0, flags: 1 };
const variables: Section = { offset: 0, raw: 4096, gpa: 0xfffe_0000, size: 4096, type: 1 };
const handOff: Section = { gpa: 0x80_9000, size: 8192, type: 2 };

/** Firmware with TDX metadata, written forwards from the description of edk2's OvmfPkg/ResetVector/X64/IntelTdxMetadata.asm. */
function firmwareOf(
  sections: readonly Section[],
  { mark = 'TDVF', version = 1, count = sections.length, fromEnd = 8192 - at } = {},
): Uint8Array {
  return buildFirmware({
    entries: [[guids.tdxMetadata, words(fromEnd)]],
    alter: (image) => {
      image.write(mark, at, 'latin1');
      words(16 + 32 * sections.length, version, count).copy(image, at + 4);
      sections.forEach(
        ({ offset = 0, raw = 0, gpa = 0, gpaHigh = 0, size = 0, sizeHigh = 0, type = 0, flags = 0 }, i) => {
          words(offset, raw, gpa, gpaHigh, size, sizeHigh, type, flags).copy(image, at + 16 + 32 * i);
        },
      );
    },
  });
}

suite('MRTD of a TDX guest', () => {
  test('is what virtee/tdx-measure publishes for the firmware of Ubuntu 25.04', needsVectors, async () => {
    const firmware = new Uint8Array(otherVector(`${published}/OVMF.fd`));
    const expected = otherVector(`${published}/expected.json`).toString('utf8');
    const { mrtd, sha256 } = JSON.parse(expected) as Record<string, string>;
    assert.equal(createHash('sha256').update(firmware).digest('hex'), sha256);
    assert.equal(toHex(await tdxLaunchDigest(firmware)), mrtd);
    // A byte that is measured, and one of the variables, which are not.
    const altered = firmware.with(firmware.length - 1, 0x55);
    assert.notEqual(toHex(await tdxLaunchDigest(altered)), mrtd);
    assert.equal(toHex(await tdxLaunchDigest(firmware.with(0, 0x55))), mrtd);
  });

  test('goes over a record for each page, and over contents where they are measured', async () => {
    const firmware = firmwareOf([
      volume,
      variables,
      handOff,
      { ...handOff, gpa: 0x90_0000, type: 3, flags: 2 },
    ]);
    const record = (name: string, address: number): Buffer => {
      const bytes = Buffer.alloc(128);
      bytes.write(name, 'latin1');
      bytes.writeBigUInt64LE(BigInt(address), 16);
      return bytes;
    };
    const hash = createHash('sha384').update(record('MEM.PAGE.ADD', 0xffff_f000));
    for (let chunk = 0; chunk < 4096; chunk += 256)
      hash
        .update(record('MR.EXTEND', 0xffff_f000 + chunk))
        .update(firmware.subarray(4096 + chunk, 4096 + chunk + 256));
    for (const address of [0xfffe_0000, 0x80_9000, 0x80_a000]) hash.update(record('MEM.PAGE.ADD', address));
    assert.equal(toHex(await tdxLaunchDigest(firmware)), hash.digest('hex'));
  });

  test('is not computed for firmware that declares nothing for TDX', async () => {
    await assert.rejects(tdxLaunchDigest(buildFirmware({})), {
      code: 'measure/firmware-lacks',
      message: /without TDX metadata/,
    });
  });

  test('is not computed by guesswork over a kind of section that is not known', async () => {
    await assert.rejects(tdxLaunchDigest(firmwareOf([volume, { ...handOff, type: 4 }])), {
      code: 'measure/section-unknown',
      message: /TDX type 4/,
    });
  });

  const fine = [volume];
  const malformed: readonly (readonly [found: RegExp, firmware: Uint8Array])[] = [
    [/TDX metadata outside the image/, firmwareOf(fine, { fromEnd: 8193 })],
    [/TDX metadata outside the image/, firmwareOf(fine, { fromEnd: 15 })],
    [/without the mark TDVF/, firmwareOf(fine, { mark: 'TDVG' })],
    [/metadata of version 2/, firmwareOf(fine, { version: 2 })],
    [/without a section/, firmwareOf([])],
    [/sections that are cut off/, firmwareOf(fine, { count: 1000 })],
    [/a TDX section of 4096 bytes at 0xfffff001/, firmwareOf([{ ...volume, gpa: 0xffff_f001 }])],
    [/a TDX section of 4095 bytes/, firmwareOf([{ ...volume, size: 4095 }])],
    [/a TDX section of 0 bytes/, firmwareOf([{ ...handOff, size: 0 }])],
    [/a TDX section of 4096 bytes/, firmwareOf([{ ...volume, gpaHigh: 0x10_0000 }])],
    [/more than 16 MiB/, firmwareOf([{ ...handOff, sizeHigh: 1 }])],
    [/more than 16 MiB/, firmwareOf([handOff, { ...handOff, size: 16 * 1024 * 1024 }])],
    [/a boot-volume section of 4096 bytes with 0 bytes of contents/, firmwareOf([{ ...volume, raw: 0 }])],
    [/a variables section of 8192 bytes with 4096/, firmwareOf([{ ...variables, size: 8192 }])],
    [/a hand-off section of 8192 bytes with 8192/, firmwareOf([{ ...handOff, raw: 8192 }])],
    [/contents of a TDX section outside the image/, firmwareOf([{ ...volume, offset: 4097 }])],
    [/with the attributes 0x4/, firmwareOf([{ ...volume, flags: 4 }])],
    [/with the attributes 0x3/, firmwareOf([{ ...volume, flags: 3 }])],
    [/a temporary section with the attributes 0x1/, firmwareOf([{ ...handOff, type: 3, flags: 1 }])],
  ];
  for (const [index, [found, firmware]] of malformed.entries())
    test(`is refused for malformed metadata (${String(index + 1)}: ${found.source})`, async () => {
      await assert.rejects(tdxLaunchDigest(firmware), { code: 'measure/firmware-malformed', message: found });
    });
});
