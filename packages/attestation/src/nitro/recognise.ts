// SPDX-License-Identifier: Apache-2.0
import { sign1Tag } from '../cose/sign1.ts';

/**
 * Whether evidence begins as a COSE_Sign1 does: an array of four, of stated or open length, with its tag or without. No
 * other evidence begins with these bytes; whether it is one, the verifier says.
 */
export function looksLikeNitro(bytes: Uint8Array): boolean {
  const first = bytes[0] === (0xc0 | sign1Tag) ? bytes[1] : bytes[0];
  return first === 0x84 || first === 0x9f;
}
