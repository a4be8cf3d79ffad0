// SPDX-License-Identifier: Apache-2.0
import { fromHex, toHex } from '@enarx/protocol';

/**
 * EFI keeps the first three fields of a GUID little-endian (UEFI specification, appendix A): the text
 * `00112233-4455-6677-8899-aabbccddeeff` is the bytes 33 22 11 00 55 44 77 66 88 99 … ff.
 */
const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] as const;

export const guidLength = 16;

const guidText = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The 16 bytes as EFI stores them, or `undefined` for a text that is no GUID. */
export function encodeGuid(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!guidText.test(text)) return undefined;
  const bytes = fromHex(text.replaceAll('-', '')) as Uint8Array;
  return Uint8Array.from(order, (index) => bytes[index] as number);
}

/** Lower-case text of 16 bytes as EFI stores them. */
export function decodeGuid(bytes: Uint8Array): string {
  const hex = toHex(Uint8Array.from(order, (index) => bytes[index] as number));
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
