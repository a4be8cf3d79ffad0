// SPDX-License-Identifier: Apache-2.0
import { decodeCbor, type CborValue } from './cbor.ts';

/**
 * A CBOR item as a message has it before anybody has looked at what it says.
 *
 * @param maxBytes - largest encoding
 * @throws EnarxError any `cbor/…`
 */
export function decodePlain(bytes: Uint8Array, maxBytes: number): unknown {
  return plain(decodeCbor(bytes, maxBytes));
}

/**
 * Maps with text keys become objects without a prototype: schemas can then name members, and a key like
 * `__proto__` is an ordinary unknown key that the schema refuses.
 */
function plain(value: CborValue): unknown {
  if (Array.isArray(value)) return value.map((item: CborValue) => plain(item));
  if (!(value instanceof Map)) return value;
  const object = Object.create(null) as Record<string, unknown>;
  for (const [key, member] of value as ReadonlyMap<CborValue, CborValue>) {
    if (typeof key !== 'string') return value;
    object[key] = plain(member);
  }
  return object;
}
