// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EnarxError } from '@enarx/protocol';
import { maxFirmwareSize, readFirmware } from '@enarx/attestation/measure';

import { buildFirmware, guids, words, type FirmwareToBuild } from './built-firmware.ts';
import { needsVectors, vector, vectorJson } from './vectors.ts';

interface IndexEntry {
  readonly file: string;
  readonly kind: string;
  readonly expected: {
    readonly footer_entries: Readonly<Record<string, string>>;
    readonly sev_metadata?: readonly { gpa: string; size: string; type: number }[];
  };
}

const typeNumbers = { 'sec-mem': 1, secrets: 2, cpuid: 3, 'svsm-caa': 4, 'kernel-hashes': 16 };

test('the tables of real OVMF builds are read as the index of the vectors has them', needsVectors, () => {
  const images = (vectorJson('INDEX.json') as IndexEntry[]).filter(({ kind }) => kind === 'ovmf-firmware');
  assert.equal(images.length, 3);
  for (const { file, expected } of images) {
    const layout = readFirmware(vector(file));
    assert.deepEqual(
      layout.sections.map(({ gpa, size, type }) => ({
        gpa: `0x${gpa.toString(16)}`,
        size: `0x${size.toString(16)}`,
        type: typeNumbers[type],
      })),
      expected.sev_metadata ?? [],
    );
    const area = (guid: string): unknown => {
      const entry = Buffer.from(expected.footer_entries[guid]!, 'hex');
      return entry.readUInt32LE(0) === 0
        ? undefined
        : { gpa: entry.readUInt32LE(0), size: entry.readUInt32LE(4) };
    };
    assert.deepEqual(layout.hashTable, area(guids.hashTable));
    assert.deepEqual(layout.secretArea, area(guids.secretArea));
    assert.equal(layout.resetVector, 0x80b004);
    assert.equal(layout.svsmEntry, undefined);
  }
});

test('an image without optional entries is read as one that lacks them', () => {
  assert.deepEqual(readFirmware(buildFirmware({})), {
    size: 8192,
    sections: [],
    hashTable: undefined,
    secretArea: undefined,
    resetVector: undefined,
    svsmEntry: undefined,
    tdxMetadata: undefined,
  });
  assert.equal(readFirmware(buildFirmware({ entries: [[guids.svsmInfo, words(0)]] })).svsmEntry, 0);
});

const page = { gpa: 0x80_0000, size: 4096, type: 1 };
const malformed: readonly (readonly [what: string, FirmwareToBuild | Uint8Array, found: RegExp])[] = [
  ['empty', new Uint8Array(), /0 bytes/],
  ['no whole pages', new Uint8Array(4097), /4097 bytes/],
  ['above the limit', new Uint8Array(maxFirmwareSize + 4096), /bytes; expected whole/],
  ['without a footer', new Uint8Array(4096), /no table at the end/],
  ['with a table longer than itself', { alter: (b, at) => b.writeUInt16LE(0xffff, at) }, /a table longer/],
  ['with a footer shorter than a footer', { alter: (b, at) => b.writeUInt16LE(17, at) }, /a table longer/],
  [
    'with a table that ends within an entry',
    { entries: [[guids.svsmInfo, words(0)]], alter: (b, at) => b.writeUInt16LE(18 + 17, at) },
    /an entry that is cut off/,
  ],
  [
    'with an entry longer than the table',
    { entries: [[guids.svsmInfo, words(0)]], alter: (b, at) => b.writeUInt16LE(23, at - 18) },
    /an entry that does not fit/,
  ],
  [
    'with an entry of no length, at which reading would never end',
    { entries: [[guids.svsmInfo, words(0)]], alter: (b, at) => b.writeUInt16LE(0, at - 18) },
    /an entry that does not fit/,
  ],
  [
    'with an entry twice, of which tools would read different ones',
    {
      entries: [
        [guids.resetBlock, words(1)],
        [guids.resetBlock, words(2)],
      ],
    },
    /two entries 00f771de/,
  ],
  [
    'with a hash table entry of 4 bytes',
    { entries: [[guids.hashTable, words(1)]] },
    /4 bytes in entry 7255371f/,
  ],
  ['with metadata outside', { entries: [[guids.metadata, words(8193)]] }, /metadata outside the image/],
  [
    'with metadata that has no room',
    { entries: [[guids.metadata, words(15)]] },
    /metadata outside the image/,
  ],
  [
    'with metadata without its mark',
    { sections: [page], alter: (b, _, at) => b.fill('X', at, at + 1) },
    /without the mark/,
  ],
  [
    'with metadata of version 2',
    { sections: [page], alter: (b, _, at) => b.writeUInt32LE(2, at + 8) },
    /version 2/,
  ],
  [
    'with more sections than bytes',
    { sections: [page], alter: (b, _, at) => b.writeUInt32LE(2 ** 32 - 1, at + 12) },
    /sections that are cut off/,
  ],
  [
    'with a section off a page boundary',
    { sections: [{ ...page, gpa: 1 }] },
    /a section of 4096 bytes at 0x1/,
  ],
  ['with a section of half a page', { sections: [{ ...page, size: 2048 }] }, /a section of 2048 bytes/],
  ['with a section of nothing', { sections: [{ ...page, size: 0 }] }, /a section of 0 bytes/],
  ['with a section across 4 GiB', { sections: [{ ...page, gpa: 0xffff_f000, size: 8192 }] }, /at 0xfffff000/],
  [
    'with two pages of secrets',
    { sections: [{ ...page, size: 8192, type: 2 }] },
    /a secrets section of 8192 bytes/,
  ],
  [
    'with sections that would take minutes',
    { sections: [page, { ...page, size: maxFirmwareSize }] },
    /sections of more than 64 MiB/,
  ],
];

for (const [what, image, found] of malformed) {
  test(`an image ${what} is refused`, () => {
    const bytes = image instanceof Uint8Array ? image : buildFirmware(image);
    assert.throws(() => readFirmware(bytes), { code: 'measure/firmware-malformed', message: found });
  });
}

test('memory of a kind that nobody knows is refused, not skipped', () => {
  assert.throws(() => readFirmware(buildFirmware({ sections: [{ ...page, type: 5 }] })), {
    code: 'measure/section-unknown',
    found: 'type 5',
  });
});

test('every byte of a real table changed gives a layout or a typed refusal', needsVectors, () => {
  const image = vector('virtee+sev-snp-measure/tests/fixtures/ovmf_AmdSev_suffix.bin');
  for (let at = 4096 - 1400; at < 4096; at += 1) {
    for (const value of [0x00, 0x80, 0xff]) {
      try {
        readFirmware(image.with(at, value));
      } catch (error) {
        assert.ok(error instanceof EnarxError, `byte ${String(at)}: ${String(error)}`);
      }
    }
  }
});
