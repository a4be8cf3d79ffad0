// SPDX-License-Identifier: Apache-2.0
import { fromHex, toHex } from './bytes.ts';

/** Length of a Keep id in bytes. */
export const keepIdLength = 16;

/** A Keep id as people and URLs write it: 32 lower-case hexadecimal digits. */
export function formatKeepId(id: Uint8Array): string {
  return toHex(id);
}

/** The id that the text spells, or `undefined`. Only the one canonical spelling counts, so a path has one name. */
export function parseKeepId(text: string): Uint8Array<ArrayBuffer> | undefined {
  return /^[0-9a-f]{32}$/.test(text) ? fromHex(text) : undefined;
}
