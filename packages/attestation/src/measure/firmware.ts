// SPDX-License-Identifier: Apache-2.0
import { attestationProblem } from '../problems.ts';
import { decodeGuid, guidLength } from './guid.ts';
import { pageSize } from './snp-pages.ts';

/** Kinds of guest memory that firmware declares for an SNP launch (edk2 OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm). */
const sectionTypes = {
  1: 'sec-mem',
  2: 'secrets',
  3: 'cpuid',
  4: 'svsm-caa',
  0x10: 'kernel-hashes',
} as const;

export type SectionType = (typeof sectionTypes)[keyof typeof sectionTypes];

/** Guest memory that the VMM must prepare before an SNP guest runs. Whole 4096-byte pages. */
export interface FirmwareSection {
  readonly type: SectionType;
  readonly gpa: number;
  /** In bytes. */
  readonly size: number;
}

/** A piece of guest memory below 4 GiB. */
export interface GuestArea {
  readonly gpa: number;
  readonly size: number;
}

/** What firmware says of itself in its GUIDed table, as far as a launch digest depends on it. */
export interface FirmwareLayout {
  /** Length of the image in bytes. */
  readonly size: number;
  /** In file order, which is the order of measurement. Empty where the firmware declares none. */
  readonly sections: readonly FirmwareSection[];
  /** Where the VMM puts the hashes of kernel, initrd and command line; `undefined` where the firmware takes none. */
  readonly hashTable: GuestArea | undefined;
  /** Where a SEV launch secret goes; `undefined` where the firmware takes none. */
  readonly secretArea: GuestArea | undefined;
  /** Where all processors but the first start; `undefined` where the firmware has no SEV-ES reset block. */
  readonly resetVector: number | undefined;
  /** Where an SVSM starts, from the beginning of its image; `undefined` in other firmware. */
  readonly svsmEntry: number | undefined;
  /** Distance from the end of the image to what a TDX launch is made of; `undefined` where the firmware declares nothing for one. */
  readonly tdxMetadata: number | undefined;
}

/** OVMF images have 2 to 16 MiB; a limit keeps a hostile file from costing more. */
export const maxFirmwareSize = 64 * 1024 * 1024;

const footerGuid = '96b582de-1fb2-45f7-baea-a366c55a082d';
const hashTableGuid = '7255371f-3a3b-4b04-927b-1da6efa8d454';
const secretAreaGuid = '4c2eb361-7d9b-4cc3-8081-127c90d3d294';
const resetBlockGuid = '00f771de-1a7e-4fcb-890e-68c77e2fb44e';
const metadataGuid = 'dc886566-984a-4798-a75e-5585a7bf67cc';
const svsmInfoGuid = 'a789a612-0597-4c4b-a49f-cbb1fe9d1ddd';
const tdxMetadataGuid = 'e47a6535-984a-4798-865e-4685a7bf8ec2';

/** The table ends where the reset vector begins. */
const bytesAfterTable = 32;
/** Length and GUID, after the data of an entry. */
const entryTail = 2 + guidLength;

/**
 * Reads the table at the end of an OVMF or SVSM image: from its footer backwards, each entry being data, length and GUID
 * (edk2 OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm).
 *
 * @throws EnarxError `measure/firmware-malformed`, `measure/section-unknown`
 */
export function readFirmware(image: Uint8Array): FirmwareLayout {
  const size = image.length;
  if (size === 0 || size % pageSize !== 0 || size > maxFirmwareSize)
    throw malformed(`${String(size)} bytes`, 'whole 4096-byte pages, at most 64 MiB');
  const table = readTable(image);
  const area = (guid: string): GuestArea | undefined => {
    const entry = entryOf(table, guid, 8);
    // Firmware that is built without the feature keeps the entry and says address 0.
    return entry === undefined || entry.getUint32(0, true) === 0
      ? undefined
      : { gpa: entry.getUint32(0, true), size: entry.getUint32(4, true) };
  };
  const metadata = entryOf(table, metadataGuid, 4)?.getUint32(0, true);
  return {
    size,
    sections: metadata === undefined ? [] : readMetadata(image, metadata),
    hashTable: area(hashTableGuid),
    secretArea: area(secretAreaGuid),
    resetVector: entryOf(table, resetBlockGuid, 4)?.getUint32(0, true),
    svsmEntry: entryOf(table, svsmInfoGuid, 4)?.getUint32(0, true),
    tdxMetadata: entryOf(table, tdxMetadataGuid, 4)?.getUint32(0, true),
  };
}

type Table = ReadonlyMap<string, Uint8Array>;

function readTable(image: Uint8Array): Table {
  const footer = image.length - bytesAfterTable - entryTail;
  if (guidAt(image, footer + 2) !== footerGuid)
    throw malformed('no table at the end', `the GUID ${footerGuid} 48 bytes before the end`);
  const start = footer + entryTail - lengthAt(image, footer);
  if (start < 0 || start > footer)
    throw malformed('a table longer than the image, or without its own footer');
  const table = new Map<string, Uint8Array>();
  let end = footer;
  while (end > start) {
    const tail = end - entryTail;
    if (tail < start) throw malformed('an entry that is cut off');
    const begin = end - lengthAt(image, tail);
    if (begin > tail || begin < start) throw malformed('an entry that does not fit into the table');
    const guid = guidAt(image, tail + 2);
    if (table.has(guid)) throw malformed(`two entries ${guid}`);
    table.set(guid, image.subarray(begin, tail));
    end = begin;
  }
  return table;
}

function entryOf(table: Table, guid: string, length: number): DataView | undefined {
  const data = table.get(guid);
  if (data === undefined) return undefined;
  if (data.length < length)
    throw malformed(`${String(data.length)} bytes in entry ${guid}`, `at least ${String(length)}`);
  return viewOf(data);
}

const metadataHead = 16;
const sectionLength = 12;

/** @param fromEnd - distance of the metadata from the end of the image */
function readMetadata(image: Uint8Array, fromEnd: number): FirmwareSection[] {
  if (fromEnd > image.length || fromEnd < metadataHead) throw malformed('metadata outside the image');
  const view = viewOf(image.subarray(image.length - fromEnd));
  if (view.getUint32(0, false) !== 0x41_53_45_56) throw malformed('metadata without the mark ASEV');
  const version = view.getUint32(8, true);
  if (version !== 1) throw malformed(`metadata of version ${String(version)}`, 'version 1');
  const count = view.getUint32(12, true);
  // The count decides: the length field is 0 in Coconut SVSM's images.
  if (metadataHead + count * sectionLength > view.byteLength) throw malformed('sections that are cut off');
  const sections: FirmwareSection[] = [];
  let total = 0;
  for (let i = 0; i < count; i += 1) {
    const section = readSection(view, metadataHead + i * sectionLength);
    total += section.size;
    // Each page costs two digests; real firmware declares some 40 pages.
    if (total > maxFirmwareSize) throw malformed('sections of more than 64 MiB');
    sections.push(section);
  }
  return sections;
}

function readSection(view: DataView, at: number): FirmwareSection {
  const [gpa, size, number] = [0, 4, 8].map((offset) => view.getUint32(at + offset, true)) as [
    number,
    number,
    number,
  ];
  const type = (sectionTypes as Readonly<Record<number, SectionType>>)[number];
  if (type === undefined)
    throw attestationProblem('measure/section-unknown', { found: `type ${String(number)}` });
  if (gpa % pageSize !== 0 || size % pageSize !== 0 || size === 0 || gpa + size > 2 ** 32)
    throw malformed(`a section of ${String(size)} bytes at 0x${gpa.toString(16)}`, 'whole pages below 4 GiB');
  // One page each is all that the firmware interface takes; kernel hashes fill one page.
  if (type !== 'sec-mem' && type !== 'svsm-caa' && size !== pageSize)
    throw malformed(`a ${type} section of ${String(size)} bytes`, 'one page');
  return { type, gpa, size };
}

function guidAt(image: Uint8Array, at: number): string {
  return decodeGuid(image.subarray(at, at + guidLength));
}

function lengthAt(image: Uint8Array, at: number): number {
  return viewOf(image).getUint16(at, true);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(found: string, expected?: string): Error {
  return attestationProblem('measure/firmware-malformed', {
    found,
    expected,
  });
}
