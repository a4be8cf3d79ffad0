// SPDX-License-Identifier: Apache-2.0
import { compareBytes, toHex } from '@enarx/protocol';

import { attestationProblem } from '../problems.ts';

/** What a table may hold (GHCB specification, SNP extended guest request). */
export const certificateTableGuids = {
  vcek: '63da758d-e664-4564-adc5-f4b93be8accd',
  vlek: 'a8074bc2-a25a-483e-aae6-39c045a0b8a1',
  ask: '4ab7b379-bbac-4fe4-a02f-05aef327c782',
  ark: 'c0b406a4-a803-4952-9743-3fb6014cd0ae',
  crl: '92f81bc3-5811-4d3d-97ff-d19f88dc67ea',
  extraPlatformInfo: 'ecae0c0f-9502-43b1-afa2-0ae2e0d565b6',
} as const;

export interface CertificateTableEntry {
  /** Lower case, as people write it. */
  readonly guid: string;
  /** DER by the specification, PEM from some hosts. */
  readonly content: Uint8Array;
}

/** Bytes of one entry: GUID 16 in the order of its text, offset and length u32 each. */
const entryLength = 24;
const maxEntries = 64;

/** Whether the bytes begin with the GUID of an entry. An empty table, all zero, is told by its context. */
export function looksLikeCertificateTable(bytes: Uint8Array): boolean {
  const guid = bytes.length >= entryLength ? formatGuid(bytes.subarray(0, 16)) : '';
  return Object.values(certificateTableGuids).some((known) => known === guid);
}

/**
 * Takes apart the table that the host hands to a guest: entries, one of zeros that ends them, contents. The host chooses
 * every number in it, so that each is held against what is there, in arithmetic that does not wrap.
 * @throws EnarxError `amd/table-malformed`
 */
export function readCertificateTable(bytes: Uint8Array): CertificateTableEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const heads: { guid: string; offset: number; length: number }[] = [];
  for (let at = 0; ; at += entryLength) {
    if (at + entryLength > bytes.length) throw malformed('no entry of zeros at the end');
    const head = bytes.subarray(at, at + entryLength);
    if (compareBytes(head, new Uint8Array(entryLength)) === 0) break;
    if (heads.length === maxEntries) throw malformed(`more than ${String(maxEntries)} entries`);
    heads.push({
      guid: formatGuid(head.subarray(0, 16)),
      offset: view.getUint32(at + 16, true),
      length: view.getUint32(at + 20, true),
    });
  }
  const contentStart = (heads.length + 1) * entryLength;
  const seen = new Set<string>();
  return heads.map(({ guid, offset, length }) => {
    // The sum of two u32 is exact here; in 32 bits it would wrap to a place before the table.
    if (offset < contentStart || offset + length > bytes.length)
      throw malformed(
        `entry ${guid} at ${String(offset)}, ${String(length)} bytes`,
        `within ${String(bytes.length)} bytes`,
      );
    if (seen.has(guid)) throw malformed(`entry ${guid} twice`);
    seen.add(guid);
    return { guid, content: bytes.subarray(offset, offset + length) };
  });
}

function formatGuid(bytes: Uint8Array): string {
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function malformed(found: string, expected?: string): Error {
  return attestationProblem('amd/table-malformed', {
    found,
    expected,
  });
}
