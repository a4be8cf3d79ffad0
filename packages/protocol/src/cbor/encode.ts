// SPDX-License-Identifier: Apache-2.0
import { compareBytes, joinBytes } from '../bytes.ts';
import { protocolProblem } from '../problems.ts';
import { maxCborDepth, type CborValue } from './value.ts';

/**
 * Encodes in the core deterministic encoding (RFC 8949 section 4.2.1). Object members that are `undefined` are left out.
 * @throws EnarxError `cbor/unencodable` for what no receiver would take: other numbers than integers of at most 64 bits,
 * text with half a surrogate pair, other types; `cbor/too-deep`
 */
export function encodeCbor(value: CborValue): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  encodeItem(value, parts, 0);
  return joinBytes(parts);
}

const textEncoder = new TextEncoder();
const majors = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5 } as const;

/** @param depth - containers around the item */
function encodeItem(value: CborValue | undefined, parts: Uint8Array[], depth: number): void {
  if (value === null) parts.push(Uint8Array.of(0xf6));
  else if (typeof value === 'boolean') parts.push(Uint8Array.of(value ? 0xf5 : 0xf4));
  else if (typeof value === 'number' || typeof value === 'bigint') parts.push(integer(value));
  else if (typeof value === 'string') encodeText(value, parts);
  else if (value instanceof Uint8Array) parts.push(head(majors.bytes, value.length), value);
  else if (typeof value === 'object') encodeContainer(value, parts, depth + 1);
  else throw unencodable(`a value of type ${typeof value}`);
}

type Container = Exclude<CborValue, null | boolean | number | bigint | string | Uint8Array>;

function encodeContainer(value: Container, parts: Uint8Array[], depth: number): void {
  if (depth > maxCborDepth) {
    throw protocolProblem('cbor/too-deep', { expected: `at most ${String(maxCborDepth)} levels` });
  }
  if (isArray(value)) {
    parts.push(head(majors.array, value.length));
    for (const item of value) encodeItem(item, parts, depth);
    return;
  }
  const members = isMap(value)
    ? [...value]
    : Object.entries(value).filter(([, member]) => member !== undefined);
  const entries = members.map(([key, member]) => ({ key: encodeCborAt(key, depth), member }));
  entries.sort((a, b) => compareBytes(a.key, b.key));
  parts.push(head(majors.map, entries.length));
  for (const [index, { key, member }] of entries.entries()) {
    const before = entries[index - 1];
    if (before !== undefined && compareBytes(before.key, key) === 0) throw unencodable('a repeated map key');
    parts.push(key);
    encodeItem(member, parts, depth);
  }
}

function encodeCborAt(value: CborValue, depth: number): Uint8Array {
  const parts: Uint8Array[] = [];
  encodeItem(value, parts, depth);
  return joinBytes(parts);
}

function encodeText(value: string, parts: Uint8Array[]): void {
  if (!value.isWellFormed()) throw unencodable('text with half a surrogate pair');
  const octets = textEncoder.encode(value);
  parts.push(head(majors.text, octets.length), octets);
}

function integer(value: number | bigint): Uint8Array {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw unencodable(`the number ${String(value)}`);
  if (value >= 0) return head(majors.unsigned, value);
  return head(majors.negative, typeof value === 'number' ? -1 - value : -1n - value);
}

/** The head of an item (RFC 8949 section 3) with its argument in the shortest form. */
function head(major: number, argument: number | bigint): Uint8Array {
  const first = major << 5;
  if (argument < 24) return Uint8Array.of(first | Number(argument));
  if (argument < 0x100) return Uint8Array.of(first | 24, Number(argument));
  const octets = new Uint8Array(9);
  const view = new DataView(octets.buffer);
  if (argument < 0x1_0000) {
    octets[0] = first | 25;
    view.setUint16(1, Number(argument));
    return octets.subarray(0, 3);
  }
  if (argument < 0x1_0000_0000) {
    octets[0] = first | 26;
    view.setUint32(1, Number(argument));
    return octets.subarray(0, 5);
  }
  if (argument >= 1n << 64n) throw unencodable(`an integer beyond 64 bits`);
  octets[0] = first | 27;
  view.setBigUint64(1, BigInt(argument));
  return octets;
}

// `Array.isArray` and `instanceof` do not narrow readonly types.
function isArray(value: Container): value is readonly CborValue[] {
  return Array.isArray(value);
}

function isMap(value: Container): value is ReadonlyMap<CborValue, CborValue> {
  return value instanceof Map;
}

function unencodable(found: string): Error {
  return protocolProblem('cbor/unencodable', { found });
}
