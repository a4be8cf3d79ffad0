// SPDX-License-Identifier: Apache-2.0
import { alignmentOf, deepest, typesOf, type DbusValue, type Type } from './signature.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads the wire format back. Every length is held against what is there before anything is made of it. */
export class Unmarshaller {
  readonly #bytes: Buffer;
  #at: number;
  #depth = 0;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  /** @throws RangeError, TypeError where the bytes are not of these types */
  read(signature: string): DbusValue[] {
    return typesOf(signature).map((type) => this.#value(type));
  }

  align(boundary: number): void {
    const padding = this.#take((boundary - (this.#at % boundary)) % boundary);
    if (padding.some((byte) => byte !== 0)) throw new RangeError('padding that is not zero');
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('a value beyond the end');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #value({ code, parts }: Type): DbusValue {
    this.align(alignmentOf(code));
    switch (code) {
      case 'a':
        return this.#array(parts[0] as Type);
      case '(':
      case '{':
        return parts.map((part) => this.#value(part));
      case 'v':
        return this.#variant();
      case 's':
      case 'o':
        return this.#text(this.#take(4).readUInt32LE());
      case 'g':
        return this.#text(this.#take(1).readUInt8());
      default:
        return this.#number(code);
    }
  }

  #array(type: Type): DbusValue[] {
    const length = this.#take(4).readUInt32LE();
    this.align(alignmentOf(type.code));
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('an array beyond the end');
    const values: DbusValue[] = [];
    while (this.#at < end) values.push(this.#value(type));
    if (this.#at !== end) throw new RangeError('an array that ends within a member');
    return values;
  }

  #variant(): DbusValue {
    const signature = this.#text(this.#take(1).readUInt8());
    const types = typesOf(signature);
    if (types.length !== 1) throw new RangeError('a variant of other than one type');
    // A variant in a variant costs three bytes, so only this bounds how deep a message can lead us.
    this.#depth += 1;
    if (this.#depth > deepest) throw new RangeError('variants that are too deep');
    const value = this.#value(types[0] as Type);
    this.#depth -= 1;
    return { signature, value };
  }

  #text(length: number): string {
    const bytes = this.#take(length + 1);
    if (bytes.at(-1) !== 0) throw new RangeError('a text without its NUL');
    return utf8.decode(bytes.subarray(0, length));
  }

  #number(code: string): DbusValue {
    const bytes = this.#take(code === 'y' ? 1 : alignmentOf(code));
    switch (code) {
      case 'y':
        return bytes.readUInt8();
      case 'n':
        return bytes.readInt16LE();
      case 'q':
        return bytes.readUInt16LE();
      case 'i':
        return bytes.readInt32LE();
      case 'x':
        return bytes.readBigInt64LE();
      case 't':
        return bytes.readBigUInt64LE();
      case 'd':
        return bytes.readDoubleLE();
      case 'b': {
        const value = bytes.readUInt32LE();
        if (value > 1) throw new RangeError('a boolean that is neither');
        return value === 1;
      }
      default:
        return bytes.readUInt32LE();
    }
  }
}
