// SPDX-License-Identifier: Apache-2.0
//
// `npm test`: every test, and the coverage gate of the two packages that everything else trusts.
// `npm test -- PATTERN…` runs the named files only. With CI=true a skipped test fails the run: CI has all that a test may ask for, except TEE hardware.
import { spawn } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import type { SkippedTest } from './skips-reporter.ts';

const root = join(import.meta.dirname, '..');
const skipsFile = join(root, '.stamp', `skips-${process.pid}.jsonl`);
const gated = ['protocol', 'attestation'];

async function nodeTest(files: string[], options: string[]): Promise<boolean> {
  if (files.length === 0) return true;
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(root, 'tools', 'skips-reporter.ts')}`,
    `--test-reporter-destination=${skipsFile}`,
  ];
  const args = [
    '--conditions=source',
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-timeout=180000',
    ...reporters,
    ...options,
    ...files,
  ];
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      ENARX_VECTORS: process.env['ENARX_VECTORS'] ?? join(root, '..', 'shared', 'vectors'),
    },
  });
  const [code] = (await new Promise((resolve) =>
    child.on('exit', (...ended) => {
      resolve(ended);
    }),
  )) as [number | null];
  return code === 0 && skipsAllowed();
}

function skipsAllowed(): boolean {
  const skipped = readFileSync(skipsFile, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as SkippedTest);
  if (process.env['CI'] !== 'true') return true;
  const refused = skipped.filter(({ reason }) => !reason.startsWith('needs TEE hardware'));
  for (const { name, reason } of refused) console.error(`Skipped in CI: ${name} (${reason})`);
  return refused.length === 0;
}

mkdirSync(join(root, '.stamp'), { recursive: true });
const named = process.argv.slice(2);
const find = (pattern: string): string[] => globSync(pattern, { cwd: root }).sort();
let passed: boolean;
if (named.length > 0) {
  passed = await nodeTest(named.flatMap(find), []);
} else {
  const coverage = gated.map((name) => `--test-coverage-include=packages/${name}/src/**/*.ts`);
  const gate = [
    '--experimental-test-coverage',
    ...coverage,
    '--test-coverage-lines=100',
    '--test-coverage-branches=100',
  ];
  const first = await nodeTest(
    gated.flatMap((name) => find(`packages/${name}/test/**/*.test.ts`)),
    gate,
  );
  const others = find('{packages,tools}/**/*.test.ts').filter(
    (file) => !gated.some((name) => file.startsWith(`packages/${name}/`)),
  );
  const second = await nodeTest(
    [...others.filter((file) => !file.includes('node_modules')), ...find('test/**/*.test.ts')],
    [],
  );
  passed = first && second;
}
rmSync(skipsFile, { force: true });
process.exitCode = passed ? 0 : 1;
