// SPDX-License-Identifier: Apache-2.0
import { nearestWord } from '@enarx/protocol';
import * as v from 'valibot';

/** What the value of a policy field may be, besides the word that leaves the field open. */
export interface ValueKind<V> {
  readonly schema: v.GenericSchema<unknown, V>;
  /** For people: what may be written. */
  readonly values: string;
  /** As it is written in a policy file. */
  readonly toml: (value: V) => string;
  /** What evidence must have, short enough for a line of output. */
  readonly says: (value: V) => string;
}

/**
 * A TOML table with exactly these keys. A key that is not known is refused: a field that is spelt wrongly would
 * otherwise be a check that silently never runs.
 */
export function strictTable<const E extends v.ObjectEntries>(
  entries: E,
): v.StrictObjectSchema<E, v.ErrorMessage<v.StrictObjectIssue>> {
  const known = Object.keys(entries);
  return v.strictObject(entries, ({ expected, input }) => {
    if (expected === 'Object') return 'must be a table';
    if (expected !== 'never') return 'missing; every field must be spelt out';
    const near = nearestWord(input as string, known);
    return near === undefined
      ? `unknown field; known here: ${known.join(', ')}`
      : `unknown field; did you mean "${near}"?`;
  });
}

/** A value, or the word that leaves the field open. Told apart by the word, so that errors speak of what was meant. */
export function orWord<V, const W extends string>(
  word: W,
  kind: ValueKind<V>,
): v.GenericSchema<unknown, V | W> {
  return v.lazy(
    (input) => (input === word ? v.literal(word) : kind.schema) as v.GenericSchema<unknown, V | W>,
  );
}

function listOf<V extends string | number>(
  item: v.GenericSchema<unknown, V>,
  values: string,
): ValueKind<readonly V[]> {
  return {
    // An empty list would either pass everything or nothing; nobody should have to know which.
    schema: v.pipe(
      v.array(item, `must be ${values}`),
      v.minLength(1, 'may not be empty: list what is accepted, or write the word that leaves the field open'),
    ),
    values,
    toml: (list) => `[${list.map(tomlScalar).join(', ')}]`,
    says: (list) =>
      list.length === 1
        ? String(list[0])
        : list.length <= 4 && typeof list[0] === 'number'
          ? `one of ${list.join(', ')}`
          : `one of the ${String(list.length)} listed`,
  };
}

/** As JSON spells it; TOML wants DEL escaped as well. */
function tomlScalar(value: string | number): string {
  return JSON.stringify(value).replaceAll('\u007f', '\\u007f');
}

/** Byte strings of one length, in hexadecimal; kept in lower case. */
export function digests(bytes: number): ValueKind<readonly string[]> {
  const digits = String(2 * bytes);
  const item = v.pipe(
    v.string(`must be ${digits} hexadecimal digits in quotes`),
    v.regex(
      new RegExp(`^[0-9a-fA-F]{${digits}}$`),
      `must be ${digits} hexadecimal digits (${String(bytes)} bytes)`,
    ),
    v.toLowerCase(),
  );
  return listOf(item, `a list of ${String(bytes)}-byte values in hexadecimal`);
}

/** Some of a set of words. */
export function words<const W extends string>(known: readonly W[]): ValueKind<readonly W[]> {
  const item = v.picklist(known, ({ input }) => {
    const near = typeof input === 'string' ? nearestWord(input, known) : undefined;
    return near === undefined
      ? `must be one of ${known.join(', ')}`
      : `unknown word; did you mean "${near}"?`;
  });
  const kind = listOf<W>(item, `a list of some of ${known.map((word) => `"${word}"`).join(', ')}`);
  return { ...kind, says: (list) => (list.length === 1 ? String(list[0]) : `one of ${list.join(', ')}`) };
}

export function texts(values: string): ValueKind<readonly string[]> {
  return listOf(v.pipe(v.string('must be a text'), v.nonEmpty('may not be an empty text')), values);
}

export function numbers(least: number, most: number, values: string): ValueKind<readonly number[]> {
  return listOf(whole(least, most), values);
}

function whole(least: number, most: number): v.GenericSchema<unknown, number> {
  const message = `must be a whole number from ${String(least)} to ${String(most)}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
}

export function minimum(most: number): ValueKind<number> {
  return {
    schema: whole(0, most),
    values: `the lowest number that is accepted, 0 to ${String(most)}`,
    toml: String,
    says: (value) => `at least ${String(value)}`,
  };
}

/** A bit, wanted set or wanted clear. */
export const bit: ValueKind<boolean> = {
  schema: v.boolean('must be true, false or "any"'),
  values: 'true (must be set), false (must not be set)',
  toml: String,
  says: (value) => (value ? 'set' : 'not set'),
};

/** One word that closes the field. */
export function word<const W extends string>(name: W, open: string, says: string): ValueKind<W> {
  return {
    schema: v.literal(name, `must be "${name}" or "${open}"`),
    values: `"${name}"`,
    toml: (value) => JSON.stringify(value),
    says: () => says,
  };
}

/** Numbers with dots between them, compared from the left. */
export interface DottedVersion {
  readonly parts: readonly number[];
}

export function dottedSchema(parts: 2 | 3): v.GenericSchema<unknown, DottedVersion> {
  const example = parts === 2 ? '"1.51"' : '"1.55.38"';
  const message = `must be a version such as ${example}, each number at most 255`;
  return v.pipe(
    v.string(message),
    v.regex(parts === 2 ? /^\d{1,3}\.\d{1,3}$/ : /^\d{1,3}\.\d{1,3}\.\d{1,3}$/, message),
    v.transform((text): DottedVersion => ({ parts: text.split('.').map(Number) })),
    v.check((version) => version.parts.every((part) => part <= 255), message),
  );
}

/** Whether `a` is lower than `b`; both have the same number of parts. */
export function olderThan(a: readonly number[], b: readonly number[]): boolean {
  const differing = a.findIndex((part, index) => part !== b[index]);
  return differing >= 0 && (a[differing] as number) < (b[differing] as number);
}

export function dotted(version: DottedVersion): string {
  return version.parts.join('.');
}

export const minimumVersion: ValueKind<DottedVersion> = {
  schema: dottedSchema(2),
  values: 'the lowest version that is accepted, "major.minor"',
  toml: (version) => JSON.stringify(dotted(version)),
  says: (version) => `at least ${dotted(version)}`,
};
