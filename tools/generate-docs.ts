// SPDX-License-Identifier: Apache-2.0
//
// Writes the documents that say what the code says: error codes, checks, commands, configuration. With --check it only compares.
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { format, resolveConfig } from 'prettier';

import { checksDocument } from './documents/checks.ts';
import { commandsDocument } from './documents/commands.ts';
import { configDocument } from './documents/config.ts';
import { errorsDocument } from './documents/errors.ts';
import { keepStatesDocument } from './documents/keep-states.ts';
import { keepmgrConfigDocument } from './documents/keepmgr-config.ts';
import { policyDocument } from './documents/policy.ts';
import { resultsDocument } from './documents/results.ts';

const root = join(import.meta.dirname, '..');
const checkOnly = process.argv.includes('--check');

const sources = (pattern: string): string[] =>
  globSync(pattern, { cwd: root }).map((file) => join(root, file));

const documents: Readonly<Record<string, () => Promise<string>>> = {
  'docs/errors.md': () => errorsDocument(sources('packages/*/src/**/problems.ts')),
  'docs/checks.md': () => checksDocument(sources('packages/{attestation,client}/src/**/*.ts')),
  'docs/cli.md': commandsDocument,
  'docs/config.md': configDocument,
  'docs/keep-states.md': keepStatesDocument,
  'docs/keepmgr-config.md': keepmgrConfigDocument,
  'docs/policy.md': policyDocument,
  'docs/results.md': resultsDocument,
};

let stale = 0;
for (const [file, make] of Object.entries(documents)) {
  const path = join(root, file);
  const options = await resolveConfig(path);
  const wanted = await format(await make(), { ...options, filepath: path });
  const current = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  if (current === wanted) continue;
  if (checkOnly) {
    console.error(`${file} is not what the code says: npm run docs`);
    stale += 1;
  } else {
    writeFileSync(path, wanted);
    console.log(`${file} written`);
  }
}
process.exitCode = stale === 0 ? 0 : 1;
