// SPDX-License-Identifier: Apache-2.0
import type * as v from 'valibot';
import type { CheckStatus } from '../verification.ts';
import type { TomlPath } from './toml-lines.ts';
import { orWord, type ValueKind } from './value-kinds.ts';

/** What a field makes of evidence. */
export interface Judgement {
  readonly status: CheckStatus;
  /** Where it is not simply what {@link Field.actual} says. */
  readonly found?: string;
  /** The part of the field that decided, below the field's own path: the element of a list that matched, say. */
  readonly at?: TomlPath;
}

/** What `enarx policy init` writes for a field. */
export interface Suggestion<V> {
  readonly value: V;
  /** Why the reader should think again before keeping it. */
  readonly warning?: string;
}

/** The values of one section, by the path of their field joined with dots. */
export type SectionValues = ReadonlyMap<string, unknown>;

/**
 * One field of a policy section, whole: what may be written, what it means, what a template writes and how evidence
 * is held against it. Schema, documentation, template, explanation and appraisal come from this one row, so that none
 * of them can know a field that another does not.
 */
export interface Field<C> {
  /** Keys below the section's table. */
  readonly path: readonly string[];
  /** Id of the check that it makes, `policy/snp-guest-policy-debug` for example. */
  readonly id: string;
  /** What is looked at, as the subject of a sentence. */
  readonly subject: string;
  /** Why one would care: documentation and comment of the template. */
  readonly purpose: string;
  /** What to do when evidence fails it. */
  readonly mend: string;
  /** What may be written. */
  readonly values: string;
  /** The word that leaves the field open. */
  readonly open: string;
  readonly schema: v.GenericSchema;
  readonly toml: (value: unknown) => string;
  /** Not called for the word that leaves the field open. */
  readonly says: (value: unknown) => string;
  /** What the evidence has. */
  readonly actual: (claims: C) => string;
  /** Not called for the word that leaves the field open. */
  readonly judge: (value: unknown, claims: C, section: SectionValues) => Judgement;
  readonly suggest: (claims: C) => Suggestion<unknown>;
}

/** A row as it is written, with the type of its value. */
export interface FieldRow<C, V> {
  readonly path: readonly string[];
  readonly subject: string;
  readonly purpose: string;
  readonly mend: string;
  readonly kind: ValueKind<V>;
  readonly open?: 'any' | 'none';
  readonly actual: (claims: C) => string;
  readonly judge: (value: V, claims: C, section: SectionValues) => Judgement;
  readonly suggest: (claims: C) => Suggestion<V | 'any' | 'none'>;
}

/** Makes the fields of one section. The schema has checked each value's type by the time that a field sees it. */
export function fieldsOf<C>(tee: string): <V>(row: FieldRow<C, V>) => Field<C> {
  return <V>({ kind, open = 'any', judge, ...row }: FieldRow<C, V>): Field<C> => ({
    ...row,
    id: `policy/${[tee, ...row.path].join('-')}`,
    open,
    values: `${kind.values}, or "${open}"`,
    schema: orWord(open, kind),
    toml: (value) => (value === open ? JSON.stringify(value) : kind.toml(value as V)),
    says: (value) => kind.says(value as V),
    judge: (value, claims, section) => judge(value as V, claims, section),
  });
}

export function passWhen(good: boolean): Judgement {
  return { status: good ? 'pass' : 'fail' };
}

/** Passes when the list has the value, and points to the element. */
export function passWhenListed<T>(list: readonly T[], value: T): Judgement {
  const index = list.indexOf(value);
  return index < 0 ? { status: 'fail' } : { status: 'pass', at: [index] };
}
