// SPDX-License-Identifier: Apache-2.0
import { intelProblem } from './problems.ts';

/** JSON as read, with the place of each member, since a signature covers the text and not the value. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

export interface JsonMember {
  readonly value: Json;
  /** Half-open range of the member’s value in the text. */
  readonly start: number;
  readonly end: number;
}

/** A map, so that no member name can reach a prototype. */
export type JsonObject = ReadonlyMap<string, JsonMember>;

/** Arrays and objects in each other. Intel’s documents need six. */
const deepest = 16;
/** Longest text in characters: a bundle of everything for one platform has under 64 KiB. */
export const longestJson = 524_288;

/**
 * Reads a JSON text (RFC 8259), strictly: no key twice in an object, as two readers might take two different ones; nothing but
 * white space around it; bounded in length and depth.
 * @throws EnarxError `intel/json-malformed`
 */
export function readJson(text: string): JsonObject {
  if (text.length > longestJson) throw malformed(`${String(text.length)} characters`);
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  if (!(value instanceof Map)) throw malformed('a text that is no object');
  return value as JsonObject;
}

const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const wordPattern = /true|false|null/y;
const words: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };

const quotationMark = 0x22;
const backslash = 0x5c;
const white: readonly number[] = [0x20, 0x09, 0x0a, 0x0d];

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#space();
  }

  end(): void {
    if (this.#at < this.#text.length) throw malformed(`something behind the value, at ${String(this.#at)}`);
  }

  value(depth: number): Json {
    if (depth > deepest) throw malformed(`more than ${String(deepest)} levels`);
    const first = this.#text[this.#at];
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#array(depth);
    if (first === '"') return this.#string();
    const word = this.#match(wordPattern);
    if (word !== undefined) return words[word] as boolean | null;
    const number = this.#match(numberPattern);
    if (number === undefined) throw malformed(`no value at ${String(this.#at)}`);
    return Number(number);
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, JsonMember>();
    this.#step();
    if (this.#optional('}')) return members;
    do {
      if (this.#text[this.#at] !== '"') throw malformed(`no member name at ${String(this.#at)}`);
      const name = this.#string();
      this.#required(':');
      const start = this.#at;
      const value = this.value(depth + 1);
      if (members.has(name)) throw malformed(`the member ${name.slice(0, 64)} twice`);
      members.set(name, { value, start, end: this.#valueEnd });
    } while (this.#optional(','));
    this.#required('}');
    return members;
  }

  #array(depth: number): Json[] {
    const items: Json[] = [];
    this.#step();
    if (this.#optional(']')) return items;
    do items.push(this.value(depth + 1));
    while (this.#optional(','));
    this.#required(']');
    return items;
  }

  /** Where the last value ended, before white space. */
  #valueEnd = 0;

  #string(): string {
    const start = this.#at;
    let at = start + 1;
    for (; at < this.#text.length; at += 1) {
      const code = this.#text.charCodeAt(at);
      if (code === quotationMark) break;
      if (code === backslash) at += 1;
    }
    const token = this.#text.slice(start, at + 1);
    this.#finish(at + 1);
    try {
      // Escapes and forbidden control characters are the platform’s to know.
      return JSON.parse(token) as string;
    } catch {
      throw malformed(`a string that is none, at ${String(start)}`);
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#finish(this.#at + found.length);
    return found;
  }

  #step(): void {
    this.#finish(this.#at + 1);
  }

  #optional(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#step();
    return true;
  }

  #required(character: string): void {
    if (!this.#optional(character)) throw malformed(`no “${character}” at ${String(this.#at)}`);
  }

  #finish(end: number): void {
    this.#at = end;
    this.#valueEnd = end;
    this.#space();
  }

  #space(): void {
    while (white.includes(this.#text.charCodeAt(this.#at))) this.#at += 1;
  }
}

function malformed(found: string): Error {
  return intelProblem('intel/json-malformed', { found });
}
