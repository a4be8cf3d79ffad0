// SPDX-License-Identifier: Apache-2.0
import { quotedText } from './text.ts';

/**
 * What sort of end a problem is. The kind, not the code, decides an exit status, so that a new code never
 * changes what a script sees.
 *
 * - `rejected`: well-formed, and refused: evidence that does not verify, a policy that says no.
 * - `unsupported`: understood, and not offered here.
 * - `malformed`: bytes or a document that break their own format.
 * - `unavailable`: the other side cannot be reached, went away, or has no room.
 * - `usage`: the caller asked for something that makes no sense.
 * - `internal`: our own fault.
 */
export type ProblemKind = 'rejected' | 'unsupported' | 'malformed' | 'unavailable' | 'usage' | 'internal';

/** One row of a package's table of problems; docs/errors.md is generated from these tables. */
export interface ProblemDefinition {
  readonly kind: ProblemKind;
  /** HTTP status that carries the problem, where one does (RFC 9290 `response-code`). */
  readonly status: number;
  /** One sentence, the same for each occurrence. */
  readonly title: string;
  /** What the reader can do about it, the same for each occurrence. */
  readonly mend: string;
}

/** What differs between two occurrences of the same problem. A member that is `undefined` is as good as left out. */
export interface ProblemOccurrence {
  readonly found?: string | undefined;
  readonly expected?: string | undefined;
  readonly cause?: unknown;
}

/**
 * Every error that leaves one of our packages. `code` is stable; `title` and `mend` come from the table that
 * defines the code; `found` and `expected` belong to this occurrence.
 */
export class EnarxError<Code extends string = string> extends Error {
  override readonly name: string = 'EnarxError';
  readonly code: Code;
  readonly kind: ProblemKind;
  readonly status: number;
  readonly title: string;
  readonly mend: string;
  readonly found: string | undefined;
  readonly expected: string | undefined;

  constructor(code: Code, definition: ProblemDefinition, occurrence: ProblemOccurrence = {}) {
    const found = quoted(occurrence.found);
    const expected = quoted(occurrence.expected);
    super(
      sentence(definition.title, found, expected),
      occurrence.cause === undefined ? undefined : { cause: occurrence.cause },
    );
    this.code = code;
    this.kind = definition.kind;
    this.status = definition.status;
    this.title = definition.title;
    this.mend = definition.mend;
    this.found = found;
    this.expected = expected;
  }
}

/** In bytes of UTF-8. */
const longestQuote = 1024;

/** What was found is often an attacker's own words, and ends in terminals and logs. */
function quoted(text: string | undefined): string | undefined {
  return text === undefined ? undefined : quotedText(text, longestQuote);
}

function sentence(title: string, found: string | undefined, expected: string | undefined): string {
  const parts = [title];
  if (found !== undefined) parts.push(`found ${found}`);
  if (expected !== undefined) parts.push(`expected ${expected}`);
  return parts.join('; ');
}

/**
 * Makes a package's own `problem(code, occurrence)` from its table, so that a code that is not in the table does
 * not compile.
 */
export function problemsOf<const Table extends Record<string, ProblemDefinition>>(
  table: Table,
): (code: keyof Table & string, occurrence?: ProblemOccurrence) => EnarxError<keyof Table & string> {
  return (code, occurrence) => new EnarxError(code, table[code] as ProblemDefinition, occurrence);
}
