// SPDX-License-Identifier: Apache-2.0
import { HostTrap, ResultError } from '../host.ts';

type Field = readonly [name: string, value: Uint8Array];

/** `token` and `field-value` of RFC 9110 sections 5.6.2 and 5.5. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What belongs to one connection, and is for whoever speaks HTTP on it to say (RFC 9110 section 7.6.1); `host` is the request's authority. */
const forbidden: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);
/** Bytes of names and values: more than any server takes. */
const largest = 1_048_576;
const perField = 32;

function refuse(tag: 'invalid-syntax' | 'forbidden' | 'immutable'): never {
  throw new ResultError({ tag });
}

/** What several handles may share. */
interface Content {
  fields: Field[];
  size: number;
}

/** Resource `fields`: headers or trailers, in order, each value on its own. */
export class Fields {
  #content: Content = { fields: [], size: 0 };
  #immutable = false;

  static fromList(entries: readonly Field[]): Fields {
    const fields = new Fields();
    for (const [name, value] of entries) fields.append(name, value);
    return fields;
  }

  /** Fields as they stand in a message; what is for the connection alone is left out. @param raw - as Node gives them, a name and a value in turn */
  static received(raw: readonly string[]): Fields {
    const fields = new Fields();
    for (let at = 0; at + 1 < raw.length; at += 2) {
      const name = raw[at] as string;
      if (!forbidden.has(name.toLowerCase())) fields.#add(name, Buffer.from(raw[at + 1] as string, 'latin1'));
    }
    fields.#immutable = true;
    return fields;
  }

  [Symbol.dispose](): void {
    // There is nothing to give back.
  }

  get(name: string): Uint8Array[] {
    return this.#content.fields.flatMap(([other, value]) => (same(other, name) ? [value] : []));
  }

  has(name: string): boolean {
    return this.#content.fields.some(([other]) => same(other, name));
  }

  set(name: string, values: readonly Uint8Array[]): void {
    this.#requireMutable();
    check(name, values);
    this.#remove(name);
    for (const value of values) this.#add(name, value);
  }

  delete(name: string): void {
    this.#requireMutable();
    check(name, []);
    this.#remove(name);
  }

  append(name: string, value: Uint8Array): void {
    this.#requireMutable();
    check(name, [value]);
    this.#add(name, value);
  }

  entries(): Field[] {
    return [...this.#content.fields];
  }

  clone(): Fields {
    const fields = new Fields();
    fields.#content = { fields: [...this.#content.fields], size: this.#content.size };
    return fields;
  }

  /** Another handle on the same fields, which cannot change them. */
  view(): Fields {
    const fields = new Fields();
    fields.#content = this.#content;
    fields.#immutable = true;
    return fields;
  }

  /** Bytes of all names and values. */
  get size(): number {
    return this.#content.size;
  }

  /** As Node sends them: a name and a value in turn. */
  get raw(): string[] {
    return this.#content.fields.flatMap(([name, value]) => [name, latin1(value)]);
  }

  /** What `content-length` says. @throws ResultError `invalid-syntax` never: a value that is no number counts as none */
  get contentLength(): number | undefined {
    const [value] = this.get('content-length');
    const text = value === undefined ? '' : latin1(value);
    return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }

  #requireMutable(): void {
    if (this.#immutable) refuse('immutable');
  }

  #add(name: string, value: Uint8Array): void {
    this.#content.size += name.length + value.length;
    if (this.#content.size + this.#content.fields.length * perField > largest)
      throw new HostTrap(`fields of more than ${String(largest)} bytes`);
    this.#content.fields.push([name, value]);
  }

  #remove(name: string): void {
    const content = this.#content;
    content.fields = content.fields.filter(([other]) => !same(other, name));
    content.size = content.fields.reduce((size, [other, value]) => size + other.length + value.length, 0);
  }
}

function check(name: string, values: readonly Uint8Array[]): void {
  if (!token.test(name)) refuse('invalid-syntax');
  if (values.some((value) => value.some((byte) => (byte < 0x20 && byte !== 0x09) || byte === 0x7f)))
    refuse('invalid-syntax');
  if (forbidden.has(name.toLowerCase())) refuse('forbidden');
}

function same(one: string, other: string): boolean {
  return one.length === other.length && one.toLowerCase() === other.toLowerCase();
}

function latin1(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1');
}
