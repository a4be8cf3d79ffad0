// SPDX-License-Identifier: Apache-2.0
import type { CborValue } from '@enarx/protocol';
import fc from 'fast-check';

/** An item that differs from the given one in one place: another type, length, number, key, or number of members. */
export function mutantsOf(value: CborValue): fc.Arbitrary<CborValue> {
  const here = fc.oneof(fc.constantFrom(...otherTypes), ...changesOf(value));
  const parts = partsOf(value);
  if (parts.length === 0) return here;
  const inside = fc
    .constantFrom(...parts)
    .chain(({ part, put }) => mutantsOf(part).map((mutant) => put(mutant)));
  return fc.oneof({ weight: 1, arbitrary: here }, { weight: 3, arbitrary: inside });
}

const otherTypes: readonly CborValue[] = [
  null,
  true,
  0,
  1,
  -1,
  2n ** 64n - 1n,
  -(2n ** 64n),
  '',
  'x',
  new Uint8Array(0),
  new Uint8Array(32),
  [],
  [0],
  new Map(),
  new Map<CborValue, CborValue>([[0, 0]]),
];

/** Keys that an object would have from its prototype, and ones that no rule has. */
const otherKeys: readonly CborValue[] = [
  '__proto__',
  'constructor',
  'toString',
  'x',
  '',
  0,
  -1,
  new Uint8Array(1),
];

function changesOf(value: CborValue): fc.Arbitrary<CborValue>[] {
  if (typeof value === 'number' || typeof value === 'bigint') {
    const number = BigInt(value);
    const wide = [number + 1n, number - 1n, -number - 1n, 2n ** 53n, 2n ** 32n, 1n << 24n, 1n << 30n];
    return [fc.constantFrom(...wide.map(narrow))];
  }
  if (typeof value === 'string') return [fc.constantFrom(`${value}x`, `${value}é`, withoutFirst(value))];
  if (value instanceof Uint8Array)
    return [
      fc.constantFrom(
        value.subarray(1),
        new Uint8Array(value.length + 1),
        new Uint8Array(value.length + 40_000),
      ),
    ];
  if (Array.isArray(value)) {
    const items = value as CborValue[];
    return [
      fc.constantFrom<CborValue[]>(
        items.slice(1),
        [...items, items[0] ?? 0],
        [...items, 'x'],
        items.toReversed(),
      ),
    ];
  }
  if (value instanceof Map) {
    const map = value as Map<CborValue, CborValue>;
    const without = [...map.keys()].map((key) => new Map([...map].filter(([other]) => other !== key)));
    const renamed = [...map.keys()].map(
      (key) => new Map([...map].map(([other, member]) => [other === key ? 'renamed' : other, member])),
    );
    const added = otherKeys.map((key) => new Map([...map, [key, 0]]));
    return [fc.constantFrom(...without, ...renamed, ...added)];
  }
  return [];
}

/** By code points: half a character would not be text. */
function withoutFirst(text: string): string {
  return Array.from(text).slice(1).join('');
}

interface Part {
  readonly part: CborValue;
  readonly put: (mutant: CborValue) => CborValue;
}

function partsOf(value: CborValue): Part[] {
  if (Array.isArray(value)) {
    const items = value as CborValue[];
    return items.map((part, index) => ({ part, put: (mutant) => items.with(index, mutant) }));
  }
  if (!(value instanceof Map)) return [];
  const map = value as Map<CborValue, CborValue>;
  return [...map].map(([key, part]) => ({ part, put: (mutant) => new Map(map).set(key, mutant) }));
}

function narrow(value: bigint): number | bigint {
  return BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
