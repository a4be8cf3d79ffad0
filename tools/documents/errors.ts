// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';

import type { ProblemDefinition, ProblemKind } from '@enarx/protocol';

import { exitStatus, runExitStatus } from '../../packages/cli/src/exit-status.ts';
import { generatedNote, markdownTable } from './markdown.ts';

type Table = Readonly<Record<string, ProblemDefinition>>;

/** docs/errors.md. @param files - every package's problems.ts, of which each export named `…Problems` is a table */
export async function errorsDocument(files: readonly string[]): Promise<string> {
  const seen = new Map<string, ProblemDefinition>();
  const sections: string[] = [];
  for (const file of [...files].sort()) {
    const exported = (await import(file)) as Readonly<Record<string, unknown>>;
    const tables = Object.entries(exported).filter(([name]) => name.endsWith('Problems'));
    const rows = tables
      .flatMap(([, table]) => Object.entries(table as Table))
      .filter(([code, definition]) => isFirst(seen, code, definition));
    if (rows.length > 0) sections.push(section(packageOf(file), rows));
  }
  return [
    '# Errors',
    '',
    generatedNote("the packages' problems.ts"),
    '',
    'Every error has a stable code, a kind, what was found, what was expected, and how to mend it. The kind alone decides the exit status, so a new code never',
    'changes what a script sees. On the wire errors are Concise Problem Details (RFC 9290), with the status below as response code.',
    '',
    kinds(),
    '',
    ...sections,
  ].join('\n');
}

const packageOf = (file: string): string => /packages\/([^/]+)\//.exec(file)?.[1] ?? file;

/** The same problem may be found in two packages, and then it is the same in every word. */
function isFirst(seen: Map<string, ProblemDefinition>, code: string, definition: ProblemDefinition): boolean {
  const before = seen.get(code);
  if (before !== undefined && !isDeepStrictEqual(before, definition))
    throw new Error(`${code} is defined twice, and not in the same words`);
  seen.set(code, definition);
  return before === undefined;
}

function section(
  name: string,
  rows: readonly (readonly [code: string, definition: ProblemDefinition])[],
): string {
  const table = markdownTable(
    ['code', 'kind', 'status', 'what it says', 'how to mend it'],
    rows.map(([code, { kind, status, title, mend }]) => [`\`${code}\``, kind, String(status), title, mend]),
  );
  return `## ${name}\n\n${table}\n`;
}

const meanings: Readonly<Record<ProblemKind, string>> = {
  rejected: 'well-formed, and refused: evidence that does not verify, a policy that says no',
  unsupported: 'understood, and not offered here',
  malformed: 'bytes or a document that break their own format',
  unavailable: 'the other side cannot be reached, went away, or has no room',
  usage: 'the caller asked for something that makes no sense',
  internal: 'our own fault',
};

function kinds(): string {
  return markdownTable(
    ['kind', 'exit status', 'of `run` and `keep run`', 'meaning'],
    Object.entries(meanings).map(([kind, meaning]) => [
      kind,
      String(exitStatus[kind as ProblemKind]),
      String(runExitStatus[kind as ProblemKind]),
      meaning,
    ]),
  );
}
