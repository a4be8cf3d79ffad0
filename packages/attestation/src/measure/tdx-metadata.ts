// SPDX-License-Identifier: Apache-2.0
import { attestationProblem } from '../problems.ts';
import { pageSize } from './snp-pages.ts';

/** Sections that QEMU loads (Intel TDX Virtual Firmware Design Guide, section "TDVF Metadata"; QEMU hw/i386/tdvf.h). */
const sectionTypes = { 0: 'boot-volume', 1: 'variables', 2: 'hand-off', 3: 'temporary' } as const;

export type TdxSectionType = (typeof sectionTypes)[keyof typeof sectionTypes];

/** Guest memory that the VMM adds before a trust domain runs. Whole 4096-byte pages. */
export interface TdxSection {
  readonly type: TdxSectionType;
  readonly gpa: bigint;
  /** In bytes. */
  readonly size: number;
  /** Where its contents begin in the image; 0 where it has none. */
  readonly offset: number;
  /** Whether its contents are measured, and not only that there is memory at that place. */
  readonly measured: boolean;
  /** Whether the guest takes it into use by itself later, so that it is no part of the launch. */
  readonly later: boolean;
}

const head = 16;
const sectionLength = 32;
/** Each page costs up to 6 KB of input to the digest; OVMF declares 5 MiB. */
const maxMemory = 16 * 1024 * 1024;
const attributes = { measured: 1, later: 2 } as const;

/**
 * @param fromEnd - distance of the metadata from the end of the image
 * @throws EnarxError `measure/firmware-malformed`, `measure/section-unknown`
 */
export function readTdxMetadata(image: Uint8Array, fromEnd: number): TdxSection[] {
  if (fromEnd > image.length || fromEnd < head) throw malformed('TDX metadata outside the image');
  const at = image.length - fromEnd;
  const view = new DataView(image.buffer, image.byteOffset + at, fromEnd);
  if (view.getUint32(0, false) !== 0x54_44_56_46) throw malformed('TDX metadata without the mark TDVF');
  const version = view.getUint32(8, true);
  if (version !== 1) throw malformed(`TDX metadata of version ${String(version)}`, 'version 1');
  const count = view.getUint32(12, true);
  if (count === 0) throw malformed('TDX metadata without a section');
  if (head + count * sectionLength > view.byteLength) throw malformed('TDX sections that are cut off');
  const sections: TdxSection[] = [];
  let total = 0;
  for (let i = 0; i < count; i += 1) {
    const section = readSection(view, head + i * sectionLength, image.length);
    total += section.size;
    if (total > maxMemory) throw malformed('TDX sections of more than 16 MiB');
    sections.push(section);
  }
  return sections;
}

/** By the rules of QEMU's tdvf_parse_and_check_section_entry, and bounded. */
function readSection(view: DataView, at: number, imageSize: number): TdxSection {
  const [offset, rawSize, number, flags] = [0, 4, 24, 28].map((field) =>
    view.getUint32(at + field, true),
  ) as [number, number, number, number];
  const gpa = view.getBigUint64(at + 8, true);
  const memory = view.getBigUint64(at + 16, true);
  const type = (sectionTypes as Readonly<Record<number, TdxSectionType>>)[number];
  if (type === undefined)
    throw attestationProblem('measure/section-unknown', { found: `TDX type ${String(number)}` });
  const page = BigInt(pageSize);
  if (gpa % page !== 0n || memory % page !== 0n || memory === 0n || gpa + memory > 1n << 52n)
    throw malformed(
      `a TDX section of ${String(memory)} bytes at 0x${gpa.toString(16)}`,
      'whole pages of memory',
    );
  if (memory > BigInt(maxMemory)) throw malformed('TDX sections of more than 16 MiB');
  const size = Number(memory);
  const fromImage = type === 'boot-volume' || type === 'variables';
  if (rawSize !== (fromImage ? size : 0))
    throw malformed(
      `a ${type} section of ${String(size)} bytes with ${String(rawSize)} bytes of contents`,
      fromImage ? 'as many' : 'none',
    );
  if (fromImage && offset + rawSize > imageSize)
    throw malformed('contents of a TDX section outside the image');
  const measured = (flags & attributes.measured) !== 0;
  const later = (flags & attributes.later) !== 0;
  if (flags > 3 || (measured && (later || !fromImage)))
    throw malformed(`a ${type} section with the attributes 0x${flags.toString(16)}`);
  return { type, gpa, size, offset: fromImage ? offset : 0, measured, later };
}

function malformed(found: string, expected?: string): Error {
  return attestationProblem('measure/firmware-malformed', {
    found,
    expected,
  });
}
