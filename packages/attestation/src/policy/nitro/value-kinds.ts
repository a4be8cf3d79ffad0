// SPDX-License-Identifier: Apache-2.0
import * as v from 'valibot';
import { digests, strictTable, type ValueKind } from '../value-kinds.ts';

/** PCR0 to PCR2 of one image, which belong together. */
export interface EnclaveImage {
  readonly pcr0: string;
  readonly pcr1: string;
  readonly pcr2: string;
}

const hexadecimal = (least: number, most: number, message: string): v.GenericSchema<unknown, string> =>
  v.pipe(
    v.string(message),
    v.regex(new RegExp(`^(?:[0-9a-fA-F]{2}){${String(least)},${String(most)}}$`), message),
    v.toLowerCase(),
  );

const pcr = hexadecimal(48, 48, 'must be 96 hexadecimal digits (48 bytes)');

function nonEmptyList<V>(item: v.GenericSchema<unknown, V>, message: string): v.GenericSchema<unknown, V[]> {
  return v.pipe(
    v.array(item, message),
    v.minLength(1, 'may not be empty: list what is accepted, or write the word that leaves the field open'),
  );
}

const listed = (count: number): string =>
  count === 1 ? 'the one listed' : `one of the ${String(count)} listed`;

/** Images, each with all three PCRs: one from here and another from there were never built together. */
export const images: ValueKind<readonly EnclaveImage[]> = {
  schema: nonEmptyList(
    strictTable({ pcr0: pcr, pcr1: pcr, pcr2: pcr }) as v.GenericSchema<unknown, EnclaveImage>,
    'must be a list of { pcr0, pcr1, pcr2 }',
  ),
  values: 'a list of `{ pcr0 = "…", pcr1 = "…", pcr2 = "…" }`, 48-byte values in hexadecimal',
  toml: (list) =>
    `[${list.map(({ pcr0, pcr1, pcr2 }) => `{ pcr0 = "${pcr0}", pcr1 = "${pcr1}", pcr2 = "${pcr2}" }`).join(', ')}]`,
  says: (list) => listed(list.length),
};

/** Values of further PCRs by number. */
export const registers: ValueKind<Readonly<Record<string, readonly string[]>>> = {
  schema: v.pipe(
    v.record(
      v.pipe(v.string(), v.regex(/^(?:[3-9]|[12][0-9]|3[01])$/, 'must be the number of a PCR from 3 to 31')),
      digests(48).schema,
      'must be a table of PCRs by their number',
    ),
    v.check((table) => Object.keys(table).length > 0, 'may not be empty: name a PCR, or write "any"'),
  ),
  values: 'a table from the number of a PCR, 3 to 31, to a list of 48-byte values in hexadecimal',
  toml: (table) =>
    `{ ${Object.entries(table)
      .map(([index, values]) => `${index} = ${digests(48).toml(values)}`)
      .join(', ')} }`,
  says: (table) => `listed values of PCR${Object.keys(table).join(', PCR')}`,
};

/** Byte strings of any length that a document may carry. */
export const byteStrings: ValueKind<readonly string[]> = {
  schema: nonEmptyList(
    hexadecimal(0, 1024, 'must be hexadecimal digits in quotes, at most 1024 bytes'),
    'must be a list of byte strings in hexadecimal',
  ),
  values: 'a list of byte strings of at most 1024 bytes in hexadecimal',
  toml: (list) => `[${list.map((value) => JSON.stringify(value)).join(', ')}]`,
  says: (list) => listed(list.length),
};

const mostSeconds = 315_360_000;
const secondsMessage = `must be a whole number of seconds from 0 to ${String(mostSeconds)}`;

export const mostAge: ValueKind<number> = {
  schema: v.pipe(
    v.number(secondsMessage),
    v.integer(secondsMessage),
    v.minValue(0, secondsMessage),
    v.maxValue(mostSeconds, secondsMessage),
  ),
  values: 'a number of seconds',
  toml: String,
  says: (seconds) => `at most ${String(seconds)} s`,
};
