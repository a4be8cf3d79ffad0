// SPDX-License-Identifier: Apache-2.0
import * as v from 'valibot';
import type { SnpClaims } from '../snp/claims.ts';
import { amdProducts } from '../snp/product.ts';
import { componentsBelow, formatTcb, type TcbVersion } from '../snp/tcb.ts';
import type { Judgement } from './field.ts';
import type { MinimumTcbRow } from './minimum-tcb-table.ts';
import { strictTable, type ValueKind } from './value-kinds.ts';

function byte(): v.GenericSchema<unknown, number> {
  const message = 'must be a whole number from 0 to 255';
  return v.pipe(v.number(message), v.integer(message), v.minValue(0, message), v.maxValue(255, message));
}

const models = 'must be the first and the last model, such as [0x10, 0x1f]';

const row = v.pipe(
  strictTable({
    product: v.picklist(amdProducts, `must be one of ${amdProducts.join(', ')}`),
    family: byte(),
    models: v.pipe(
      v.strictTuple([byte(), byte()], models),
      v.check(([first, last]) => first <= last, models),
    ),
    fmc: v.optional(byte()),
    bootloader: byte(),
    tee: byte(),
    snp: byte(),
    microcode: byte(),
  }),
  v.check(
    ({ product, fmc }) => (product === 'Turin') === (fmc !== undefined),
    'a Turin has a version of fmc, and no other product has one',
  ),
);

/** Rows by processor model. A processor without a row is refused. */
export const minimumTcb: ValueKind<readonly MinimumTcbRow[]> = {
  schema: v.pipe(
    v.array(row, 'must be tables, [[snp.firmware.minimum-tcb]], or "any"'),
    v.minLength(
      1,
      'may not be empty: give a table for each processor model that is accepted, or write "any"',
    ),
  ),
  values:
    'one table for each range of processor models, `[[snp.firmware.minimum-tcb]]`, with `product`, `family`, `models` (first and last), `bootloader`, `tee`, `snp`, `microcode` and, for Turin, `fmc`',
  toml: (rows) => `[\n${rows.map((one) => `  ${rowToml(one)},\n`).join('')}]`,
  says: (rows) => `at least the minimum of its model (${String(rows.length)} listed)`,
};

function rowToml({ product, family, models: [first, last], ...components }: MinimumTcbRow): string {
  const hex = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;
  const parts = [
    `product = "${product}"`,
    `family = ${hex(family)}`,
    `models = [${hex(first)}, ${hex(last)}]`,
  ];
  for (const [name, value] of Object.entries(components)) parts.push(`${name} = ${String(value)}`);
  return `{ ${parts.join(', ')} }`;
}

/**
 * Rows that speak of a processor. A report of version 2 names no model; it then has to meet every row of its
 * product, since nobody knows which is its own.
 */
export function rowsFor(
  rows: readonly MinimumTcbRow[],
  { report, product }: SnpClaims,
): [number, MinimumTcbRow][] {
  const { cpuid } = report;
  return [...rows.entries()].filter(([, one]) => {
    if (one.product !== product) return false;
    if (cpuid === undefined) return true;
    return one.family === cpuid.family && one.models[0] <= cpuid.model && cpuid.model <= one.models[1];
  });
}

export function processorName({ product, report: { cpuid } }: SnpClaims): string {
  const line = product ?? 'unknown product';
  return cpuid === undefined ? line : `${line} family ${hexByte(cpuid.family)} model ${hexByte(cpuid.model)}`;
}

function hexByte(value: number): string {
  return `${value.toString(16).toUpperCase().padStart(2, '0')}h`;
}

/** Holds versions of the platform, each with its name, against the rows of their processor, component by component. */
export function judgeTcb(
  rows: readonly MinimumTcbRow[],
  claims: SnpClaims,
  versions: readonly (readonly [name: string, tcb: TcbVersion | undefined])[],
): Judgement {
  const fitting = rowsFor(rows, claims);
  const first = fitting[0];
  if (first === undefined) return { status: 'fail', found: `${processorName(claims)}, which has no row` };
  for (const [index, row] of fitting) {
    const wanted: TcbVersion = { ...row, fmc: row.fmc };
    for (const [name, tcb] of versions) {
      if (tcb === undefined) return { status: 'fail', found: `no ${name} version that could be read` };
      const below = componentsBelow(tcb, wanted);
      if (below.length > 0)
        return {
          status: 'fail',
          at: [index],
          found: `${name} ${below.map((part) => `${part} ${String(tcb[part])} below ${String(wanted[part])}`).join(', ')} on ${processorName(claims)}`,
        };
    }
  }
  return {
    status: 'pass',
    at: [first[0]],
    found: versions.map(([name, tcb]) => `${name} ${formatTcb(tcb as TcbVersion)}`).join('; '),
  };
}
