// SPDX-License-Identifier: Apache-2.0
import type { CborValue } from '@enarx/protocol';

import type { CddlEntry, CddlRules, CddlType, Literal } from './parse.ts';

/** Where a decoded item first breaks the rule, or `undefined` where it keeps it. @throws Error for a rule that is not there */
export function mismatch(rules: CddlRules, rule: string, value: CborValue): string | undefined {
  return new Validator(rules).named(rule, value, rule);
}

const encoder = new TextEncoder();

class Validator {
  readonly #rules: CddlRules;

  constructor(rules: CddlRules) {
    this.#rules = rules;
  }

  named(name: string, value: CborValue, path: string): string | undefined {
    const rule = this.#rules.get(name);
    if (rule !== undefined) return this.#check(rule, value, path);
    switch (name) {
      case 'uint':
        return isInteger(value) && value >= 0 ? undefined : path;
      case 'text':
        return typeof value === 'string' ? undefined : path;
      case 'bytes':
        return value instanceof Uint8Array ? undefined : path;
      case 'bool':
        return typeof value === 'boolean' ? undefined : path;
      default:
        throw new Error(`no rule ${name}`);
    }
  }

  #check(type: CddlType, value: CborValue, path: string): string | undefined {
    switch (type.kind) {
      case 'name':
        return this.named(type.name, value, path);
      case 'literal':
        return isLiteral(type.value, value) ? undefined : path;
      case 'range':
        return isInteger(value) && value >= type.min && value <= type.max ? undefined : path;
      case 'size': {
        const length =
          typeof value === 'string'
            ? encoder.encode(value).length
            : value instanceof Uint8Array
              ? value.length
              : -1;
        return length < type.min || length > type.max ? path : this.#check(type.of, value, path);
      }
      case 'choice': {
        const mismatches = type.of.map((option) => this.#check(option, value, path));
        // The longest path is that of the option that came nearest.
        return mismatches.includes(undefined)
          ? undefined
          : mismatches.reduce((a, b) => ((b as string).length > (a as string).length ? b : a));
      }
      case 'map':
        return value instanceof Map
          ? this.#map(type.entries, value as ReadonlyMap<CborValue, CborValue>, path)
          : path;
      case 'array':
        return Array.isArray(value) ? this.#array(type.entries, value as CborValue[], path) : path;
    }
  }

  #map(
    entries: readonly CddlEntry[],
    map: ReadonlyMap<CborValue, CborValue>,
    path: string,
  ): string | undefined {
    const unknown = new Set(map.keys());
    for (const { key, min, type } of entries) {
      if (key === undefined) throw new Error(`${path}: an entry without a key`);
      const found = [...map.keys()].find((candidate) => isLiteral(key, candidate));
      if (found === undefined) {
        if (min > 0) return `${path}.${String(key)}`;
        continue;
      }
      unknown.delete(found);
      const wrong = this.#check(type, map.get(found) as CborValue, `${path}.${String(key)}`);
      if (wrong !== undefined) return wrong;
    }
    const [extra] = unknown;
    return extra === undefined ? undefined : `${path}: a key of no entry`;
  }

  /** Takes as many items as an entry allows. Enough for arrays in which no entry could take the next one's items. */
  #array(entries: readonly CddlEntry[], items: readonly CborValue[], path: string): string | undefined {
    let at = 0;
    for (const { min, max, type } of entries) {
      let wrong: string | undefined;
      let count = 0;
      while (count < max && at < items.length) {
        wrong = this.#check(type, items[at] as CborValue, `${path}[${String(at)}]`);
        if (wrong !== undefined) break;
        count += 1;
        at += 1;
      }
      if (count < min) return wrong ?? `${path}[${String(at)}]`;
      if (wrong !== undefined && entries.length === 1) return wrong;
    }
    return at === items.length ? undefined : `${path}[${String(at)}]`;
  }
}

function isInteger(value: CborValue): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function isLiteral(literal: Literal, value: CborValue): boolean {
  return typeof literal === 'bigint' ? isInteger(value) && BigInt(value) === literal : value === literal;
}
