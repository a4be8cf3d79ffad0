// SPDX-License-Identifier: Apache-2.0
//
// Reads the part of CDDL (RFC 8610) that enarx.cddl uses: literals, ranges, `.size`, choices of types, maps and arrays with
// `?`, `*` and `n*m`. Anything else is an error, so that no rule is taken for less than it says.

export type Literal = string | bigint | boolean;

export type CddlType =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'literal'; readonly value: Literal }
  | { readonly kind: 'range'; readonly min: bigint; readonly max: bigint }
  | { readonly kind: 'size'; readonly of: CddlType; readonly min: bigint; readonly max: bigint }
  | { readonly kind: 'choice'; readonly of: readonly CddlType[] }
  | { readonly kind: 'map'; readonly entries: readonly CddlEntry[] }
  | { readonly kind: 'array'; readonly entries: readonly CddlEntry[] };

export interface CddlEntry {
  readonly min: number;
  readonly max: number;
  /** In maps the key; in arrays a mere name. */
  readonly key: Literal | undefined;
  readonly type: CddlType;
}

export type CddlRules = ReadonlyMap<string, CddlType>;

/** @throws Error with the line */
export function parseCddl(text: string): CddlRules {
  return new Parser(tokensOf(text)).rules();
}

interface Token {
  readonly text: string;
  readonly line: number;
}

const token = /;.*|"[^"]*"|=>|\.\.|\.size\b|-?\d+|[A-Za-z@_$][\w@.$-]*\w|[A-Za-z]|[{}[\]():,/?*=]|\S/g;

function tokensOf(text: string): Token[] {
  return text
    .split('\n')
    .flatMap((content, index) =>
      [...content.matchAll(token)]
        .map(([found]) => ({ text: found, line: index + 1 }))
        .filter((found) => !found.text.startsWith(';')),
    );
}

const isNumber = (text: string | undefined): text is string => text !== undefined && /^-?\d+$/.test(text);
const isName = (text: string | undefined): text is string => text !== undefined && /^[A-Za-z]/.test(text);
const isText = (text: string | undefined): text is string => text?.startsWith('"') === true;

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  rules(): CddlRules {
    const rules = new Map<string, CddlType>();
    while (this.#at < this.#tokens.length) {
      const name = this.#next();
      if (!isName(name) || rules.has(name)) throw this.#wrong('the name of a new rule');
      this.#expect('=');
      rules.set(name, this.#type());
    }
    return rules;
  }

  #peek(ahead = 0): string | undefined {
    return this.#tokens[this.#at + ahead]?.text;
  }

  #next(): string | undefined {
    const found = this.#peek();
    this.#at += 1;
    return found;
  }

  #expect(text: string): void {
    if (this.#next() !== text) throw this.#wrong(text);
  }

  #wrong(expected: string): Error {
    const { text, line } = this.#tokens[this.#at - 1] ?? { text: 'the end', line: -1 };
    return new Error(`CDDL line ${String(line)}: found ${text}, expected ${expected}`);
  }

  #type(): CddlType {
    const of = [this.#oneType()];
    while (this.#peek() === '/') {
      this.#at += 1;
      of.push(this.#oneType());
    }
    return of.length === 1 ? (of[0] as CddlType) : { kind: 'choice', of };
  }

  #oneType(): CddlType {
    const type = this.#simpleType();
    if (this.#peek() !== '.size') return type;
    this.#at += 1;
    const size = this.#simpleType();
    if (size.kind === 'range') return { kind: 'size', of: type, min: size.min, max: size.max };
    if (size.kind === 'literal' && typeof size.value === 'bigint')
      return { kind: 'size', of: type, min: size.value, max: size.value };
    throw this.#wrong('a size');
  }

  #simpleType(): CddlType {
    const found = this.#next();
    if (found === '(') {
      const type = this.#type();
      this.#expect(')');
      return type;
    }
    if (found === '{') return { kind: 'map', entries: this.#entries('}') };
    if (found === '[') return { kind: 'array', entries: this.#entries(']') };
    if (isText(found)) return { kind: 'literal', value: found.slice(1, -1) };
    if (isNumber(found)) {
      const min = BigInt(found);
      if (this.#peek() !== '..') return { kind: 'literal', value: min };
      this.#at += 1;
      const max = this.#next();
      if (!isNumber(max)) throw this.#wrong('the end of a range');
      return { kind: 'range', min, max: BigInt(max) };
    }
    if (isName(found)) return { kind: 'name', name: found };
    throw this.#wrong('a type');
  }

  #entries(end: string): CddlEntry[] {
    const entries: CddlEntry[] = [];
    while (this.#peek() !== end) {
      const [min, max] = this.#occurrence();
      const key = this.#key();
      entries.push({ min, max, key, type: this.#type() });
      if (this.#peek() !== end) this.#expect(',');
    }
    this.#at += 1;
    return entries;
  }

  #occurrence(): [min: number, max: number] {
    if (this.#peek() === '?') {
      this.#at += 1;
      return [0, 1];
    }
    if (this.#peek() === '*') {
      this.#at += 1;
      return [0, Infinity];
    }
    if (!isNumber(this.#peek()) || this.#peek(1) !== '*') return [1, 1];
    const min = Number(this.#next());
    this.#expect('*');
    const max = this.#next();
    if (!isNumber(max)) throw this.#wrong('the largest count');
    return [min, Number(max)];
  }

  #key(): Literal | undefined {
    const key = this.#peek();
    const after = this.#peek(1);
    const value = isText(key)
      ? key.slice(1, -1)
      : isNumber(key)
        ? BigInt(key)
        : isName(key)
          ? key
          : undefined;
    // A bare name before an arrow would be a type, and a number before a colon is no name.
    const stands = after === '=>' ? !isName(key) : after === ':' && !isNumber(key);
    if (value === undefined || !stands) return undefined;
    this.#at += 2;
    return value;
  }
}
