// SPDX-License-Identifier: Apache-2.0
import { concatBytes, fromHex } from '@enarx/protocol';

/** GUIDs of the certificates in the table of an extended guest request (GHCB specification, 56421, section 4.1.8.1). */
const guids = {
  vcek: '63da758d-e664-4564-adc5-f4b93be8accd',
  vlek: 'a8074bc2-a25a-483e-aae6-39c045a0b8a1',
  ask: '4ab7b379-bbac-4fe4-a02f-05aef327c782',
  ark: 'c0b406a4-a803-4952-9743-3fb6014cd0ae',
  crl: '92f81bc3-5811-4d3d-97ff-d19f88dc67ea',
} as const;

const headLength = 24;

export interface CertificateTableEntry {
  readonly kind: keyof typeof guids;
  /** DER. */
  readonly certificate: Uint8Array;
}

/** The table as a host hands it to a guest: heads of GUID (in textual order), offset and length, one zero head, then the certificates. */
export function encodeCertificateTable(entries: readonly CertificateTableEntry[]): Uint8Array<ArrayBuffer> {
  let offset = (entries.length + 1) * headLength;
  const heads = entries.map(({ kind, certificate }) => {
    const head = new Uint8Array(headLength);
    head.set(fromHex(guids[kind].replaceAll('-', '')) as Uint8Array);
    const view = new DataView(head.buffer);
    view.setUint32(16, offset, true);
    view.setUint32(20, certificate.length, true);
    offset += certificate.length;
    return head;
  });
  return concatBytes(...heads, new Uint8Array(headLength), ...entries.map(({ certificate }) => certificate));
}
