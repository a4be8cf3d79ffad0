// SPDX-License-Identifier: Apache-2.0
//
// `npm test`: every test, and the coverage gate of the two packages that everything else trusts.
// `npm test -- PATTERN…` runs the named files only. With CI=true a skipped test fails the run: CI has all that a test may ask for, except
// TEE hardware and, where nobody laid it beside the checkout, the collection of real evidence.
// The last line says how many passed and how many failed.
import { spawn } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';

import type { Counts, Outcome } from './outcome-reporter.ts';

const root = join(import.meta.dirname, '..');
const outcomeFile = join(root, '.stamp', `outcome-${String(process.pid)}.jsonl`);
const gated = ['protocol', 'attestation'];
const inCi = process.env['CI'] === 'true';
const vectors = process.env['ENARX_VECTORS'] ?? join(root, '..', 'shared', 'vectors');
const excused = [/^needs TEE hardware/, ...(existsSync(vectors) ? [] : [/vectors/])];

const total = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];

/** Runs test files and adds what came of them to the total. @param gate - options that make the run fail by themselves, as too little coverage does */
async function nodeTest(files: readonly string[], gate: readonly string[] = []): Promise<void> {
  if (files.length === 0) return;
  rmSync(outcomeFile, { force: true });
  const args = [
    '--conditions=source',
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-timeout=180000',
    // Node leaves one processor free; most of our tests wait for processes.
    `--test-concurrency=${String(Math.max(2, availableParallelism()))}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(root, 'tools', 'outcome-reporter.ts')}`,
    `--test-reporter-destination=${outcomeFile}`,
    ...gate,
    ...files,
  ];
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ENARX_VECTORS: vectors },
  });
  const status = await new Promise<number | null>((resolve) => child.on('exit', resolve));
  addOutcomes(status);
}

function addOutcomes(status: number | null): void {
  const outcomes = existsSync(outcomeFile)
    ? readFileSync(outcomeFile, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Outcome)
    : [];
  const counts = outcomes.find((outcome): outcome is { counts: Counts } => 'counts' in outcome)?.counts;
  const failedHere = counts === undefined ? 0 : counts.failed + counts.cancelled;
  total.passed += counts?.passed ?? 0;
  total.failed += failedHere;
  total.skipped += counts?.skipped ?? 0;
  for (const outcome of outcomes) {
    if ('failed' in outcome) failures.push(`${outcome.failed} (${relative(root, outcome.file)})`);
    if (!('skipped' in outcome) || !inCi || excused.some((reason) => reason.test(outcome.reason))) continue;
    failures.push(`skipped in CI: ${outcome.skipped} (${outcome.reason})`);
    total.failed += 1;
  }
  if (status !== 0 && failedHere === 0) {
    failures.push('the coverage gate, or the run itself');
    total.failed += 1;
  }
}

mkdirSync(join(root, '.stamp'), { recursive: true });
const find = (pattern: string): string[] => globSync(pattern, { cwd: root }).sort();
const named = process.argv.slice(2);
if (named.length > 0) {
  await nodeTest(named.flatMap(find));
} else {
  await nodeTest(
    gated.flatMap((name) => find(`packages/${name}/test/**/*.test.ts`)),
    [
      '--experimental-test-coverage',
      ...gated.map((name) => `--test-coverage-include=packages/${name}/src/**/*.ts`),
      '--test-coverage-lines=100',
      '--test-coverage-branches=100',
    ],
  );
  const others = find('{packages/*/test,tools,test}/**/*.test.ts');
  const ungated = others.filter((file) => !gated.some((name) => file.startsWith(`packages/${name}/`)));
  // Emulated machines want the processors for themselves.
  const machines = ungated.filter((file) => file.endsWith('.vm.test.ts'));
  await nodeTest(ungated.filter((file) => !machines.includes(file)));
  await nodeTest(machines, ['--test-concurrency=1']);
}
rmSync(outcomeFile, { force: true });
for (const failure of failures) console.error(`✗ ${failure}`);
console.log(
  `${String(total.passed)} passed, ${String(total.failed)} failed, ${String(total.skipped)} skipped`,
);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
