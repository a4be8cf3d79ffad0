// SPDX-License-Identifier: Apache-2.0
import { alignmentOf, typesOf, type DbusValue, type Type, type Variant } from './signature.ts';

/** Values in the wire format of the specification's "Marshaling", little-endian. */
export class Marshaller {
  #bytes = Buffer.alloc(512);
  #at = 0;

  /** What was written so far. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** @throws RangeError, TypeError where a value is not of its type */
  write(signature: string, values: readonly DbusValue[]): this {
    const types = typesOf(signature);
    if (types.length !== values.length)
      throw new RangeError(`${signature} for ${String(values.length)} values`);
    types.forEach((type, index) => {
      this.#value(type, values[index] as DbusValue);
    });
    return this;
  }

  align(boundary: number): this {
    // The buffer is zero where nothing was written.
    this.#reserve((boundary - (this.#at % boundary)) % boundary);
    return this;
  }

  #reserve(length: number): number {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(this.#at, this.#bytes.length * 2));
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    return at;
  }

  #value({ code, parts }: Type, value: DbusValue): void {
    this.align(alignmentOf(code));
    if (code === 'a') this.#array(parts[0] as Type, value as readonly DbusValue[]);
    else if (code === '(' || code === '{') this.#all(parts, value as readonly DbusValue[]);
    else if (code === 'v') this.#variant(value as Variant);
    else if (code === 's' || code === 'o') this.#text(value as string, 4);
    else if (code === 'g') this.#text(value as string, 1);
    else this.#number(code, value);
  }

  #all(types: readonly Type[], values: readonly DbusValue[]): void {
    if (values.length !== types.length) throw new RangeError('a struct with other than its members');
    types.forEach((type, index) => {
      this.#value(type, values[index] as DbusValue);
    });
  }

  #array(type: Type, values: readonly DbusValue[]): void {
    const length = this.#reserve(4);
    // The padding before the first member does not count.
    this.align(alignmentOf(type.code));
    const start = this.#at;
    for (const value of values) this.#value(type, value);
    this.#bytes.writeUInt32LE(this.#at - start, length);
  }

  #variant({ signature, value }: Variant): void {
    this.#text(signature, 1);
    this.write(signature, [value]);
  }

  #text(text: string, lengthBytes: 1 | 4): void {
    if (text.includes('\0')) throw new RangeError('a text with NUL');
    const bytes = Buffer.from(text, 'utf8');
    const at = this.#reserve(lengthBytes + bytes.length + 1);
    this.#bytes.writeUIntLE(bytes.length, at, lengthBytes);
    bytes.copy(this.#bytes, at + lengthBytes);
  }

  #number(code: string, value: DbusValue): void {
    const at = this.#reserve(code === 'y' ? 1 : alignmentOf(code));
    const bytes = this.#bytes;
    if (code === 't') bytes.writeBigUInt64LE(value as bigint, at);
    else if (code === 'b') bytes.writeUInt32LE(value === true ? 1 : 0, at);
    else if (code === 'i') bytes.writeInt32LE(value as number, at);
    else if (code === 'u') bytes.writeUInt32LE(value as number, at);
    else if (code === 'y') bytes.writeUInt8(value as number, at);
    else throw new RangeError(`nothing here sends ${code}`);
  }
}
