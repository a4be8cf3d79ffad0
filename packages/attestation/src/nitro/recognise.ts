// SPDX-License-Identifier: Apache-2.0
import { sign1Tag } from '../cose/sign1.ts';

/** Some fields of a document, by their names as they stand in it; of a damaged one at least one is whole. */
const fields = ['module_id', 'cabundle', 'user_data'].map((name) => [...new TextEncoder().encode(name)]);

/** Octets in which a document that is cut off has shown its first field. */
const enoughToTell = 64;

/**
 * Whether evidence begins as a COSE_Sign1 does, an array of four, of stated or open length, with its tag or without, and has the names of
 * a document's fields in it: many other things are signed in this way. Whether it is a document, the verifier says.
 */
export function looksLikeNitro(bytes: Uint8Array): boolean {
  const first = bytes[0] === (0xc0 | sign1Tag) ? bytes[1] : bytes[0];
  if (first !== 0x84 && first !== 0x9f) return false;
  return bytes.length < enoughToTell || fields.some((name) => holds(bytes, name));
}

function holds(bytes: Uint8Array, name: readonly number[]): boolean {
  for (let at = bytes.indexOf(name[0] as number); at >= 0; at = bytes.indexOf(name[0] as number, at + 1))
    if (name.every((byte, index) => bytes[at + index] === byte)) return true;
  return false;
}
