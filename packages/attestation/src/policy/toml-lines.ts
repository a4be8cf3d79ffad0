// SPDX-License-Identifier: Apache-2.0
import { parse } from 'smol-toml';

/** Where a value stands in a document: table keys and array indices from the root. */
export type TomlPath = readonly (string | number)[];

/** Tells on which line a value of a TOML document stands, so that a check can name the line that decided. */
export class TomlLines {
  readonly #lines: ReadonlyMap<string, number>;

  constructor(lines: ReadonlyMap<string, number>) {
    this.#lines = lines;
  }

  /** @returns the line from 1 of the key (or array element) at `path`, or of the nearest table or array around it */
  lineOf(path: TomlPath): number {
    for (let length = path.length; length > 0; length -= 1) {
      const line = this.#lines.get(nameOf(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  }

  /** Every path that has a line of its own. */
  paths(): TomlPath[] {
    return [...this.#lines.keys()].map((name) => JSON.parse(name) as TomlPath);
  }
}

/**
 * Finds the line of every key and array element. The TOML library validates but tells no positions, so this walks the
 * same text once more and looks at structure only: it never decides what a value is.
 * @param text - a document that `smol-toml` has accepted; on anything else the result means nothing
 */
export function tomlLines(text: string): TomlLines {
  return new TomlLines(new Walk(text).lines());
}

/** Tables of a dotted key that are followed. A hostile key of 100 000 of them would otherwise cost its square. */
const deepest = 16;

const gap = /(?:[ \t\r\n]|#[^\n]*)*/y;
const blank = /[ \t]*/y;
const keyPart = /"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+/y;
/** Longest first: three quotes open a multi-line string, and up to two more quotes may stand before the closing three. */
const text = /"""(?:\\[^]|[^\\])*?"""(?!")|'''[^]*?'''(?!')|"(?:[^"\\]|\\.)*"|'[^']*'/y;
const scalar = /[^,\]}#\n]+/y;

class Walk {
  readonly #text: string;
  readonly #lines = new Map<string, number>();
  /** Length so far of each array of tables, by name of its path. */
  readonly #tables = new Map<string, number>();
  #at = 0;
  #counted = 0;
  #line = 1;

  constructor(document: string) {
    this.#text = document;
  }

  lines(): Map<string, number> {
    let table: TomlPath = [];
    this.#skip(gap);
    while (this.#at < this.#text.length) {
      if (this.#text[this.#at] === '[') table = this.#header();
      else this.#keyValue(table);
      this.#skip(gap);
    }
    return this.#lines;
  }

  #header(): TomlPath {
    const line = this.#currentLine();
    const double = this.#text[this.#at + 1] === '[';
    this.#at += double ? 2 : 1;
    const keys = this.#key();
    this.#at += double ? 2 : 1;
    let path: TomlPath = [];
    for (const [index, key] of keys.entries()) {
      path = [...path, key];
      this.#record(path, line);
      const name = nameOf(path);
      const length = this.#tables.get(name) ?? 0;
      if (double && index === keys.length - 1) {
        this.#tables.set(name, length + 1);
        path = [...path, length];
        this.#record(path, line);
      } else if (length > 0) path = [...path, length - 1];
    }
    return path;
  }

  #keyValue(table: TomlPath): void {
    const line = this.#currentLine();
    let path = table;
    for (const key of this.#key()) {
      path = [...path, key];
      this.#record(path, line);
    }
    this.#at += 1; // the equals sign
    this.#skip(blank);
    this.#value(path);
  }

  /** Dotted key and the blanks around it. */
  #key(): string[] {
    const keys: string[] = [];
    for (;;) {
      this.#skip(blank);
      const part = this.#skip(keyPart);
      if (keys.length < deepest)
        keys.push(/^["']/.test(part) ? (parse(`key = ${part}`)['key'] as string) : part);
      this.#skip(blank);
      if (this.#text[this.#at] !== '.') return keys;
      this.#at += 1;
    }
  }

  #value(path: TomlPath): void {
    const first = this.#text[this.#at];
    if (first === '[') {
      let index = 0;
      this.#list(']', () => {
        const element = [...path, index];
        this.#record(element, this.#currentLine());
        this.#value(element);
        index += 1;
      });
    } else if (first === '{') {
      this.#list('}', () => {
        this.#keyValue(path);
      });
    } else this.#skip(first === '"' || first === "'" ? text : scalar);
  }

  #list(close: string, item: () => void): void {
    this.#at += 1;
    this.#skip(gap);
    while (this.#text[this.#at] !== close) {
      item();
      this.#skip(gap);
      if (this.#text[this.#at] === ',') this.#at += 1;
      this.#skip(gap);
    }
    this.#at += 1;
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = (pattern.exec(this.#text) as RegExpExecArray)[0];
    this.#at += found.length;
    return found;
  }

  #record(path: TomlPath, line: number): void {
    const name = nameOf(path);
    if (!this.#lines.has(name)) this.#lines.set(name, line);
  }

  #currentLine(): number {
    for (; this.#counted < this.#at; this.#counted += 1)
      if (this.#text[this.#counted] === '\n') this.#line += 1;
    return this.#line;
  }
}

function nameOf(path: TomlPath): string {
  return JSON.stringify(path);
}
