// SPDX-License-Identifier: Apache-2.0
import type * as v from 'valibot';
import type { Anchor } from '../anchors.ts';
import type { Field, SectionValues } from './field.ts';
import { strictTable } from './value-kinds.ts';

/** The table of a policy that speaks of one kind of TEE. */
export interface Section<C> {
  readonly tee: string;
  /** Whose roots its evidence ends in. */
  readonly vendor: Anchor['vendor'];
  readonly title: string;
  readonly fields: readonly Field<C>[];
  /** What the evidence holds of its verifier's choosing, 64 bytes; `undefined` for a kind that holds nothing. */
  readonly reportData: (claims: C) => Uint8Array | undefined;
  /** Two fields that make no sense together. */
  readonly contradiction: (
    values: SectionValues,
  ) => { readonly path: readonly string[]; readonly message: string } | undefined;
}

interface Tree {
  [key: string]: v.GenericSchema | Tree;
}

/** Schema of the section's table: every field there, none unknown, nested as the fields' paths say. */
export function sectionSchema<C>({ fields }: Section<C>): v.GenericSchema {
  const tree: Tree = {};
  for (const { path, schema } of fields) {
    let table = tree;
    for (const key of path.slice(0, -1)) table = (table[key] ??= {}) as Tree;
    table[path.at(-1) as string] = schema;
  }
  return tableOf(tree);
}

function tableOf(tree: Tree): v.GenericSchema {
  return strictTable(
    Object.fromEntries(
      Object.entries(tree).map(([key, entry]) => [
        key,
        'kind' in entry ? (entry as v.GenericSchema) : tableOf(entry),
      ]),
    ),
  );
}

/** Values of a table that the schema has accepted. */
export function sectionValues<C>({ fields }: Section<C>, table: unknown): SectionValues {
  return new Map(
    fields.map(({ path }) => [
      path.join('.'),
      path.reduce((below, key) => (below as Record<string, unknown>)[key], table),
    ]),
  );
}
