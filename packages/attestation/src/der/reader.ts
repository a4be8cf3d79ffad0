// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import { attestationProblem } from '../problems.ts';
import { tags } from './tags.ts';

/** One element. It keeps places, and cuts a view only when asked: a certificate has a hundred elements, few of them looked at. */
export class DerElement {
  /** The identifier octet. */
  readonly tag: number;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #contentStart: number;
  readonly #end: number;

  constructor(tag: number, bytes: Uint8Array, start: number, contentStart: number, end: number) {
    this.tag = tag;
    this.#bytes = bytes;
    this.#start = start;
    this.#contentStart = contentStart;
    this.#end = end;
  }

  /** View of the content. */
  get content(): Uint8Array {
    return this.#bytes.subarray(this.#contentStart, this.#end);
  }

  /** View of identifier, length and content: what a signature covers. */
  get encoded(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** Reader over the content. */
  reader(): DerReader {
    return new DerReader(this.#bytes, this.#contentStart, this.#end);
  }
}

/**
 * Reads the elements that stand one after the other in some bytes. Strict: one-octet identifiers, definite lengths in
 * their shortest form (X.690 sections 8.1.2 and 10.1). Nothing is copied.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  /** Over all bytes, or over those from `start` to before `end`. */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  /** Identifier of the next element, or `undefined` at the end. */
  get nextTag(): number | undefined {
    return this.#octet(this.#at);
  }

  /**
   * The next element.
   * @param tag - the identifier that it must have, where only one will do
   * @throws EnarxError `der/malformed`
   */
  next(tag?: number): DerElement {
    const start = this.#at;
    const found = this.#octet(start);
    if (found === undefined) throw malformed('the end of the data', 'another element');
    if (tag !== undefined && found !== tag) throw malformed(tagName(found), tagName(tag));
    if ((found & 0x1f) === 0x1f) throw malformed('an identifier of several octets');
    const [length, contentStart] = this.#length(start + 1);
    const end = contentStart + length;
    if (end > this.#end) {
      throw malformed(`${String(this.#end - contentStart)} bytes of content`, `${String(length)} bytes`);
    }
    this.#at = end;
    return new DerElement(found, this.#bytes, start, contentStart, end);
  }

  /** The next element if it has this identifier, otherwise `undefined`. @throws EnarxError `der/malformed` */
  optional(tag: number): DerElement | undefined {
    return this.nextTag === tag ? this.next() : undefined;
  }

  /** To be called where nothing more may stand. @throws EnarxError `der/malformed` */
  end(): void {
    if (!this.atEnd) throw malformed(`${String(this.#end - this.#at)} more bytes`, 'the end of the data');
  }

  #octet(at: number): number | undefined {
    return at < this.#end ? this.#bytes[at] : undefined;
  }

  #length(at: number): [length: number, contentStart: number] {
    const first = this.#octet(at);
    if (first === undefined) throw malformed('no length');
    if (first < 0x80) return [first, at + 1];
    const octets = first & 0x7f;
    // Four octets of length are more than any input may have; 0x80 would be an indefinite length.
    if (octets === 0 || octets > 4) throw malformed('an indefinite or oversized length');
    let length = 0;
    for (let i = 1; i <= octets; i += 1) {
      const octet = this.#octet(at + i);
      if (octet === undefined) throw malformed('a length that is cut off');
      length = length * 256 + octet;
    }
    if (length < 0x80 || length < 256 ** (octets - 1))
      throw malformed('a length that is not in its shortest form');
    return [length, at + 1 + octets];
  }
}

/**
 * Exactly one element and nothing after it.
 * @throws EnarxError `der/malformed`
 */
export function readDer(bytes: Uint8Array, tag?: number): DerElement {
  const reader = new DerReader(bytes);
  const element = reader.next(tag);
  reader.end();
  return element;
}

export function malformed(found: string, expected?: string): Error {
  return attestationProblem('der/malformed', { found, expected });
}

function tagName(tag: number): string {
  const name = Object.entries(tags).find(([, value]) => value === tag)?.[0];
  return name ?? `tag 0x${toHex(Uint8Array.of(tag))}`;
}
