// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

import { generatedNote, markdownTable } from './markdown.ts';

type CheckTable = Readonly<Record<string, string>>;

const marker = /satisfies CheckTable;/g;

/** docs/checks.md. @param files - the verifier's sources; each table in them that `satisfies CheckTable` must be exported */
export async function checksDocument(files: readonly string[]): Promise<string> {
  const families = new Map<string, string[][]>();
  const seen = new Set<string>();
  for (const file of [...files].sort()) {
    const expected = readFileSync(file, 'utf8').match(marker)?.length ?? 0;
    if (expected === 0) continue;
    const tables = Object.values((await import(file)) as Readonly<Record<string, unknown>>).filter(
      isCheckTable,
    );
    if (tables.length !== expected) throw new Error(`${file}: a table of checks is not exported`);
    for (const [id, line] of tables.flatMap((table) => Object.entries(table))) {
      if (seen.has(id)) throw new Error(`the check ${id} is defined twice`);
      seen.add(id);
      const family = id.slice(0, id.indexOf('/'));
      families.set(family, [...(families.get(family) ?? []), [`\`${id}\``, line]]);
    }
  }
  return [
    '# Checks',
    '',
    generatedNote("the verifier's tables of checks"),
    '',
    'A verdict lists every check with `pass`, `fail` or `not-applicable`, and the reason. Evidence is accepted when none fails. The ids are stable.',
    '',
    ...[...families]
      .sort()
      .flatMap(([family, rows]) => [
        `## ${family}`,
        '',
        markdownTable(['check', 'what is checked'], rows),
        '',
      ]),
  ].join('\n');
}

function isCheckTable(value: unknown): value is CheckTable {
  if (typeof value !== 'object' || value === null) return false;
  const entries = Object.entries(value);
  return (
    entries.length > 0 &&
    entries.every(([id, line]) => /^[a-z0-9]+\/[a-z0-9-]+$/.test(id) && typeof line === 'string')
  );
}
