// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench [-- --short] [-- --json FILE] [-- NAME…]`: every row is a ratio to a baseline that is measured in the same run, by turns.
import { globSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

import type { BenchModule, BenchRow } from './row.ts';

const { values, positionals } = parseArgs({
  options: { short: { type: 'boolean', default: false }, json: { type: 'string' } },
  allowPositionals: true,
});

const files = globSync('rows/*.ts', { cwd: import.meta.dirname }).sort();
const rows: BenchRow[] = [];
let failed = false;
for (const file of files) {
  const name = basename(file, '.ts');
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const { default: module } = (await import(join(import.meta.dirname, file))) as { default: BenchModule };
  console.log(`${name}: ${module.title}`);
  if (module.onlyByName === true && !positionals.includes(name)) {
    console.log(`  left out: takes minutes; npm run bench -- ${name}`);
    continue;
  }
  try {
    for (const row of await module.measure({ short: values.short })) {
      rows.push(row);
      console.log(`  ${describe(row)}`);
    }
  } catch (error) {
    failed = true;
    console.error(`  failed: ${(error as Error).stack ?? String(error)}`);
  }
}
if (values.json !== undefined) {
  const array = rows.map(({ id, ratio, goal, better, samples }) => ({ id, ratio, goal, better, samples }));
  writeFileSync(values.json, `${JSON.stringify(array, null, 2)}\n`);
}
const met = rows.filter(isMet).length;
console.log(
  `${String(met)} of ${String(rows.length)} goals met${values.short ? ' (short run: the figures mean little)' : ''}`,
);
process.exitCode = failed ? 1 : 0;

function isMet({ ratio, goal, better }: BenchRow): boolean {
  return better === 'lower' ? ratio <= goal : ratio >= goal;
}

function describe(row: BenchRow): string {
  const { id, ratio, goal, better, samples, detail } = row;
  const relation = better === 'lower' ? '≤' : '≥';
  return `${isMet(row) ? '✓' : '✗'} ${id}: ${ratio.toFixed(2)} (goal ${relation} ${String(goal)}; ${String(samples)} samples) ${detail}`;
}
