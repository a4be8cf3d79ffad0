// SPDX-License-Identifier: Apache-2.0
import { attestationProblem } from '../problems.ts';

/** An item with a tag in front (RFC 8949 section 3.4). */
export interface TaggedItem {
  readonly tag: number | bigint;
  readonly content: CborItem;
}

/** A floating-point number. Kept apart from integers, so that 2.0 is never read where 2 is wanted. */
export interface FloatItem {
  readonly float: number;
}

export type CborMap = ReadonlyMap<number | bigint | string, CborItem>;

/** What others' CBOR is made of. Integers are numbers where a number holds them exactly, else bigints. */
export type CborItem =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly CborItem[]
  | CborMap
  | TaggedItem
  | FloatItem;

/** Containers and tags around an item. No evidence or result needs half of it. */
const maxDepth = 16;

/**
 * Reads exactly one item as others encode it: map entries in any order, arrays and maps of indefinite length, tags,
 * floating-point numbers. Where there is a choice that only serves to hide something, there is none: heads are in their
 * shortest form, strings in one piece, map keys are integers or text and stand once. Byte strings are views of `bytes`.
 *
 * A count is held against the bytes that are left before anything is made of it: reading costs no more than the length.
 *
 * @param mostBytes - largest input in bytes
 * @throws EnarxError `cose/cbor-malformed`
 */
export function readCbor(bytes: Uint8Array, mostBytes: number): CborItem {
  if (bytes.length > mostBytes)
    throw malformed(`${String(bytes.length)} bytes`, `at most ${String(mostBytes)}`);
  const reader = new Reader(bytes);
  const item = reader.item(0);
  if (!reader.atEnd) throw malformed('bytes after the item');
  return item;
}

export function isMap(item: CborItem | undefined): item is CborMap {
  return item instanceof Map;
}

export function isList(item: CborItem | undefined): item is readonly CborItem[] {
  return Array.isArray(item);
}

export function isTagged(item: CborItem | undefined): item is TaggedItem {
  return typeof item === 'object' && item !== null && 'tag' in item;
}

const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Stands for the length of an item that ends with a break. */
const indefinite = -1;
const breakByte = 0xff;

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** @param depth - containers and tags around the item */
  item(depth: number): CborItem {
    if (depth > maxDepth) throw malformed(`more than ${String(maxDepth)} levels`);
    const initial = this.#take(1)[0] as number;
    const information = initial & 0x1f;
    switch (initial >> 5) {
      case 0:
        return this.#argument(information);
      case 1:
        return exact(-1n - BigInt(this.#argument(information)));
      case 2:
        return this.#take(this.#argument(information));
      case 3:
        return this.#text(this.#argument(information));
      case 4:
        return this.#list(this.#length(information), depth + 1);
      case 5:
        return this.#map(this.#length(information), depth + 1);
      case 6:
        return { tag: this.#argument(information), content: this.item(depth + 1) };
      default:
        return this.#simple(information);
    }
  }

  #take(length: number | bigint): Uint8Array {
    const left = this.#bytes.length - this.#at;
    if (length > left) throw malformed(`${String(left)} bytes left of ${String(length)}`);
    const start = this.#at;
    this.#at += Number(length);
    return this.#bytes.subarray(start, this.#at);
  }

  #view(length: number): DataView {
    const octets = this.#take(length);
    return new DataView(octets.buffer, octets.byteOffset, octets.length);
  }

  #argument(information: number): number | bigint {
    if (information < 24) return information;
    if (information > 27) throw malformed('an indefinite length or a reserved head');
    const view = this.#view(1 << (information - 24));
    const value =
      information === 24
        ? view.getUint8(0)
        : information === 25
          ? view.getUint16(0)
          : information === 26
            ? view.getUint32(0)
            : view.getBigUint64(0);
    if (value < ([24, 0x100, 0x1_0000, 0x1_0000_0000][information - 24] as number))
      throw malformed('a head that is longer than needed');
    return exact(value);
  }

  #length(information: number): number {
    if (information === 31) return indefinite;
    const count = this.#argument(information);
    if (count > this.#bytes.length - this.#at) throw malformed(`a count of ${String(count)} items`);
    return Number(count);
  }

  /** Whether a container of this length has another item. */
  #more(length: number, read: number): boolean {
    if (length !== indefinite) return read < length;
    if (this.#bytes[this.#at] !== breakByte) return true;
    this.#at += 1;
    return false;
  }

  #text(length: number | bigint): string {
    const octets = this.#take(length);
    try {
      return textDecoder.decode(octets);
    } catch (cause) {
      throw malformed('text that is not UTF-8', undefined, cause);
    }
  }

  #list(length: number, depth: number): CborItem[] {
    const items: CborItem[] = [];
    while (this.#more(length, items.length)) items.push(this.item(depth));
    return items;
  }

  #map(length: number, depth: number): CborMap {
    const map = new Map<number | bigint | string, CborItem>();
    while (this.#more(length, map.size)) {
      const key = this.item(depth);
      if (typeof key !== 'number' && typeof key !== 'bigint' && typeof key !== 'string')
        throw malformed('a map key that is neither an integer nor text');
      if (map.has(key)) throw malformed(`the map key ${JSON.stringify(String(key).slice(0, 64))} twice`);
      map.set(key, this.item(depth));
    }
    return map;
  }

  #simple(information: number): CborItem {
    switch (information) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 25:
        return { float: this.#half() };
      case 26:
        return { float: this.#view(4).getFloat32(0) };
      case 27:
        return { float: this.#view(8).getFloat64(0) };
      default:
        throw malformed('a break, or a simple value other than true, false and null');
    }
  }

  /** RFC 8949 appendix D; not every engine has `getFloat16`. */
  #half(): number {
    const half = this.#view(2).getUint16(0);
    const sign = half < 0x8000 ? 1 : -1;
    const exponent = (half >> 10) & 0x1f;
    const mantissa = half & 0x3ff;
    if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
    return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (mantissa + 0x400) * 2 ** (exponent - 25);
  }
}

function exact(value: number | bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function malformed(found: string, expected?: string, cause?: unknown): Error {
  return attestationProblem('cose/cbor-malformed', {
    found,
    expected,
    cause,
  });
}
