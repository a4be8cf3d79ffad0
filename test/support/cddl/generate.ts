// SPDX-License-Identifier: Apache-2.0
import type { CborValue } from '@enarx/protocol';
import fc from 'fast-check';

import type { CddlEntry, CddlRules, CddlType, Literal } from './parse.ts';

/** Items that keep the rule, made from the rule alone. Ends of ranges and sizes come often; long ones are rare. */
export function itemsOf(rules: CddlRules, rule: string): fc.Arbitrary<CborValue> {
  return new Generator(rules).named(rule);
}

const usualLength = 40n;
const usualCount = 3;

class Generator {
  readonly #rules: CddlRules;

  constructor(rules: CddlRules) {
    this.#rules = rules;
  }

  named(name: string): fc.Arbitrary<CborValue> {
    const rule = this.#rules.get(name);
    if (rule !== undefined) return this.#type(rule);
    switch (name) {
      case 'uint':
        return fc.maxSafeNat();
      case 'text':
        return textOf(0n, usualLength);
      case 'bytes':
        return bytesOf(0n, usualLength);
      case 'bool':
        return fc.boolean();
      default:
        throw new Error(`no rule ${name}`);
    }
  }

  #type(type: CddlType): fc.Arbitrary<CborValue> {
    switch (type.kind) {
      case 'name':
        return this.named(type.name);
      case 'literal':
        return fc.constant(plain(type.value));
      case 'range':
        return fc.oneof(
          fc.constantFrom(Number(type.min), Number(type.max)),
          fc.bigInt({ min: type.min, max: type.max }).map(Number),
        );
      case 'size': {
        const make: (min: bigint, max: bigint) => fc.Arbitrary<CborValue> = isText(this.#rules, type.of)
          ? textOf
          : bytesOf;
        return fc.oneof(
          { weight: 1, arbitrary: fc.constantFrom(type.min, type.max).chain((size) => make(size, size)) },
          { weight: 4, arbitrary: make(type.min, min(type.max, type.min + usualLength)) },
        );
      }
      case 'choice':
        return fc.oneof(...type.of.map((option) => this.#type(option)));
      case 'map':
        return fc
          .tuple(...type.entries.map((entry) => this.#entry(entry)))
          .map(
            (values) =>
              new Map(
                values.flatMap((found, index) =>
                  found.map((value): [CborValue, CborValue] => [
                    plain((type.entries[index] as CddlEntry).key as Literal),
                    value,
                  ]),
                ),
              ),
          );
      case 'array':
        return fc.tuple(...type.entries.map((entry) => this.#entry(entry))).map((values) => values.flat());
    }
  }

  #entry({ min: minLength, max, type }: CddlEntry): fc.Arbitrary<CborValue[]> {
    return fc.array(this.#type(type), { minLength, maxLength: Math.min(max, minLength + usualCount) });
  }
}

function plain(value: Literal): CborValue {
  return typeof value === 'bigint' ? Number(value) : value;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function isText(rules: CddlRules, type: CddlType): boolean {
  if (type.kind !== 'name') return false;
  const rule = rules.get(type.name);
  return rule === undefined ? type.name === 'text' : isText(rules, rule);
}

function bytesOf(minLength: bigint, maxLength: bigint): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: Number(minLength), maxLength: Number(maxLength), size: 'max' });
}

const encoder = new TextEncoder();

/** Text of so many bytes, of characters that take one to four, filled up with ones that take one. */
function textOf(minLength: bigint, maxLength: bigint): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.integer({ min: Number(minLength), max: Number(maxLength) }),
    )
    .map(([start, length]) => {
      const used = encoder.encode(start).length;
      return used > length ? 'x'.repeat(length) : start + 'x'.repeat(length - used);
    });
}
