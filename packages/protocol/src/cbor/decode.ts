// SPDX-License-Identifier: Apache-2.0
import { compareBytes } from '../bytes.ts';
import { protocolProblem } from '../problems.ts';
import { maxCborDepth, type CborValue } from './value.ts';

/**
 * Decodes exactly one item in the core deterministic encoding (RFC 8949 section 4.2.1).
 *
 * The size is checked before the first byte is read, and a count is held against the bytes that are left before anything
 * is made of it, so a hostile message costs no more than its own length. Each meaning has one encoding: a digest over
 * received bytes is a digest over what was understood. Byte strings are copies.
 *
 * @param maxBytes - largest input in bytes
 * @returns integers as `number` where it holds them exactly, else as `bigint`
 * @throws EnarxError `cbor/too-large`, `cbor/too-deep`, `cbor/malformed`, `cbor/not-deterministic`
 */
export function decodeCbor(bytes: Uint8Array, maxBytes: number): CborValue {
  if (bytes.length > maxBytes) {
    throw protocolProblem('cbor/too-large', {
      found: `${String(bytes.length)} bytes`,
      expected: `at most ${String(maxBytes)}`,
    });
  }
  const decoder = new Decoder(bytes);
  const value = decoder.item(0);
  if (!decoder.atEnd) throw malformed('bytes after the item');
  return value;
}

// A byte order mark is a character of the text like any other.
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class Decoder {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** @param depth - containers around the item */
  item(depth: number): CborValue {
    const [initial] = this.#take(1) as unknown as [number];
    const major = initial >> 5;
    const information = initial & 0x1f;
    if (major === 7) return simpleValue(information);
    const argument = this.#argument(information);
    switch (major) {
      case 0:
        return argument;
      case 1:
        return negative(argument);
      case 2:
        return new Uint8Array(this.#take(argument));
      case 3:
        return this.#text(argument);
      case 4:
        return this.#array(argument, depth + 1);
      case 5:
        return this.#map(argument, depth + 1);
      default:
        throw malformed('a tag');
    }
  }

  /** The next bytes. The comparison is exact for a bigint too, however large. */
  #take(length: number | bigint): Uint8Array {
    const left = this.#bytes.length - this.#at;
    if (length > left) throw malformed(`${String(left)} bytes left of ${String(length)}`);
    const start = this.#at;
    this.#at += Number(length);
    return this.#bytes.subarray(start, this.#at);
  }

  /** RFC 8949 section 3: the argument of a head, which must be in its shortest form. */
  #argument(information: number): number | bigint {
    if (information < 24) return information;
    if (information > 27) throw malformed('an indefinite length or a reserved head');
    const octets = this.#take(1 << (information - 24));
    const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
    const value =
      information === 24
        ? view.getUint8(0)
        : information === 25
          ? view.getUint16(0)
          : information === 26
            ? view.getUint32(0)
            : view.getBigUint64(0);
    const longer = [24, 0x100, 0x1_0000, 0x1_0000_0000][information - 24] as number;
    if (value < longer) throw notDeterministic('a head that is longer than needed');
    return exact(value);
  }

  #text(length: number | bigint): string {
    const octets = this.#take(length);
    try {
      return textDecoder.decode(octets);
    } catch (cause) {
      throw malformed('text that is not UTF-8', cause);
    }
  }

  #array(count: number | bigint, depth: number): CborValue[] {
    this.#enter(depth, count);
    const items: CborValue[] = [];
    for (let i = 0; i < count; i += 1) items.push(this.item(depth));
    return items;
  }

  #map(count: number | bigint, depth: number): ReadonlyMap<CborValue, CborValue> {
    this.#enter(depth, count);
    const map = new Map<CborValue, CborValue>();
    let last: Uint8Array | undefined;
    for (let i = 0; i < count; i += 1) {
      const start = this.#at;
      const key = this.item(depth);
      const encoded = this.#bytes.subarray(start, this.#at);
      // Ascending order of the encoded keys also finds repeated ones, of whatever type they are.
      const order = last === undefined ? -1 : compareBytes(last, encoded);
      if (order === 0) throw malformed('a repeated map key');
      if (order > 0) throw notDeterministic('map keys out of order');
      last = encoded;
      map.set(key, this.item(depth));
    }
    return map;
  }

  #enter(depth: number, count: number | bigint): void {
    if (depth > maxCborDepth) {
      throw protocolProblem('cbor/too-deep', { expected: `at most ${String(maxCborDepth)} levels` });
    }
    if (count > this.#bytes.length - this.#at) throw malformed(`a count of ${String(count)} items`);
  }
}

function simpleValue(information: number): boolean | null {
  if (information === 20) return false;
  if (information === 21) return true;
  if (information === 22) return null;
  throw malformed('a floating-point number, or a simple value other than true, false and null');
}

function negative(argument: number | bigint): number | bigint {
  return exact(-1n - BigInt(argument));
}

function exact(value: number | bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function malformed(found: string, cause?: unknown): Error {
  return protocolProblem('cbor/malformed', { found, cause });
}

function notDeterministic(found: string): Error {
  return protocolProblem('cbor/not-deterministic', { found });
}
