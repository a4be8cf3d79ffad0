// SPDX-License-Identifier: Apache-2.0
import { decode, encode, rfc8949EncodeOptions } from 'cborg';

import { compareBytes } from './bytes.ts';
import { protocolProblem } from './problems.ts';

/** What our messages are made of. Maps decode to `Map`, so that no key can reach a prototype. */
export type CborValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<CborValue, CborValue>
  | { readonly [key: string]: CborValue | undefined };

/** No message of this protocol nests deeper; a limit stops nesting bombs before they reach the stack. */
export const maxCborDepth = 16;

const decodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  allowBigInt: true,
  rejectDuplicateMapKeys: true,
  useMaps: true,
} as const;

/** Encodes in the core deterministic encoding (RFC 8949 section 4.2.1). Object members that are `undefined` are left out. */
export function encodeCbor(value: CborValue): Uint8Array {
  return encode(withoutUndefined(value), rfc8949EncodeOptions);
}

/**
 * Decodes exactly one deterministic CBOR item.
 *
 * The size is checked before the first byte is read and the depth before the decoder recurses, so a hostile
 * message costs no more than its own length. Determinism is checked by encoding again and comparing: there is
 * then one encoding for each meaning, and a digest over received bytes is a digest over what was understood.
 *
 * @param maxBytes - largest input in bytes
 * @throws EnarxError `cbor/too-large`, `cbor/too-deep`, `cbor/malformed`, `cbor/not-deterministic`
 */
export function decodeCbor(bytes: Uint8Array, maxBytes: number): CborValue {
  if (bytes.length > maxBytes) {
    throw protocolProblem('cbor/too-large', {
      found: `${String(bytes.length)} bytes`,
      expected: `at most ${String(maxBytes)}`,
    });
  }
  refuseDeepNesting(bytes);
  let value: CborValue;
  try {
    value = decode(bytes, decodeOptions) as CborValue;
  } catch (cause) {
    throw protocolProblem('cbor/malformed', { found: (cause as Error).message, cause });
  }
  if (compareBytes(encode(value, rfc8949EncodeOptions), bytes) !== 0) {
    throw protocolProblem('cbor/not-deterministic', {
      found: 'an encoding that differs from the deterministic one',
    });
  }
  return value;
}

function withoutUndefined(value: CborValue): CborValue {
  if (Array.isArray(value)) return value.map((item: CborValue) => withoutUndefined(item));
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array || value instanceof Map)
    return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([key, member]) => [key, withoutUndefined(member as CborValue)]));
}

/**
 * Walks the heads of the items (RFC 8949 section 3) without building anything. It only counts nesting: whatever else
 * is wrong is left for the decoder to name.
 */
function refuseDeepNesting(bytes: Uint8Array): void {
  const open: number[] = [];
  let at = 0;
  while (at < bytes.length) {
    const initial = bytes[at] as number;
    const major = initial >> 5;
    const info = initial & 0x1f;
    const width = info < 24 ? 0 : 1 << (info - 24);
    if (info > 27 || at + 1 + width > bytes.length) return;
    let argument = info < 24 ? info : 0;
    for (let i = 0; i < width; i += 1) argument = argument * 256 + (bytes[at + 1 + i] as number);
    at += 1 + width;
    if (major === 2 || major === 3) at += argument;
    const children = major === 4 ? argument : major === 5 ? argument * 2 : major === 6 ? 1 : 0;
    if (children > 0) {
      if (open.length === maxCborDepth) {
        throw protocolProblem('cbor/too-deep', { expected: `at most ${String(maxCborDepth)} levels` });
      }
      open.push(children);
      continue;
    }
    while (open.length > 0 && (open[open.length - 1] as number) === 1) open.pop();
    if (open.length === 0) return;
    open[open.length - 1] = (open[open.length - 1] as number) - 1;
  }
}
