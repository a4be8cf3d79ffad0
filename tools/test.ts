// SPDX-License-Identifier: Apache-2.0
//
// `npm test`: every test, and the coverage gate of the two packages that everything else trusts.
// `npm test -- PATTERN…` runs the named files only. With CI=true a skipped test fails the run: CI has all that a test may ask for, except
// TEE hardware and, where nobody laid it beside the checkout, real evidence: a reason that begins with `no vectors in` says what is missing.
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

/** What CI cannot install. That evidence is missing has to be true of the path that the reason names, or nobody would notice a test that looks in a wrong place. */
function isExcused(reason: string): boolean {
  const [, place] = /^no vectors in (\S+)/.exec(reason) ?? [];
  return reason.startsWith('needs TEE hardware') || (place !== undefined && !existsSync(place));
}

const total = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];
const unsteady: string[] = [];
/** Files that may run a second time. When more fail, it is not the machine. */
const mostUnsteady = 6;

/**
 * Runs test files and adds what came of them to the total. Files in which something failed run once more, alone: many tests wait for processes, and a busy machine
 * makes one of a thousand late. What passes then is counted as passed and named as unsteady, so that nobody overlooks it.
 * @param gate - options that make the run fail by themselves, as too little coverage does
 */
async function nodeTest(files: readonly string[], gate: readonly string[] = []): Promise<void> {
  if (files.length === 0) return;
  const first = await runOnce(files, gate);
  const again = [...new Set(first.failures.map(({ file }) => file))].filter((file) => files.includes(file));
  const repeatable = again.length > 0 && again.length <= mostUnsteady;
  // Coverage is that of all files together.
  const repetition =
    gate.length > 0 ? ([files, gate] as const) : ([again, ['--test-concurrency=1']] as const);
  const second = repeatable ? await runOnce(...repetition) : undefined;
  const last = second ?? first;
  total.passed += first.passed + (second === undefined ? 0 : first.failed - second.failed);
  total.skipped += first.skipped;
  total.failed += last.failed;
  failures.push(...last.failures.map(({ name, file }) => `${name} (${file})`), ...first.refused);
  total.failed += first.refused.length;
  if (second !== undefined) {
    const still = new Set(second.failures.map(({ name }) => name));
    for (const { name, file } of first.failures) {
      if (!still.has(name)) unsteady.push(`${name} (${file})`);
    }
  }
  // A run may end badly without a failed test: the gate, or a file that could not be run.
  const gateFailed = first.status !== 0 && first.failed === 0;
  if (gateFailed || (second !== undefined && second.status !== 0 && second.failed === 0)) {
    failures.push('the coverage gate, or the run itself');
    total.failed += 1;
  }
}

interface RunResult {
  readonly status: number | null;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly { readonly name: string; readonly file: string }[];
  /** Tests that were skipped although CI has what they ask for. */
  readonly refused: readonly string[];
}

async function runOnce(files: readonly string[], options: readonly string[]): Promise<RunResult> {
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
    ...options,
    ...files,
  ];
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ENARX_VECTORS: vectors },
  });
  const status = await new Promise<number | null>((resolve) => child.on('exit', resolve));
  return resultOf(status);
}

function resultOf(status: number | null): RunResult {
  const outcomes = existsSync(outcomeFile)
    ? readFileSync(outcomeFile, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Outcome)
    : [];
  const counts = outcomes.find((outcome): outcome is { counts: Counts } => 'counts' in outcome)?.counts;
  return {
    status,
    passed: counts?.passed ?? 0,
    failed: counts === undefined ? 0 : counts.failed + counts.cancelled,
    skipped: counts?.skipped ?? 0,
    failures: outcomes.flatMap((outcome) =>
      'failed' in outcome ? [{ name: outcome.failed, file: relative(root, outcome.file) }] : [],
    ),
    refused: outcomes.flatMap((outcome) =>
      'skipped' in outcome && inCi && !isExcused(outcome.reason)
        ? [`skipped in CI: ${outcome.skipped} (${outcome.reason})`]
        : [],
    ),
  };
}

mkdirSync(join(root, '.stamp'), { recursive: true });
const find = (pattern: string): string[] => globSync(pattern, { cwd: root }).sort();
const named = process.argv.slice(2);
if (named.length > 0) {
  // Emulated machines want the processors for themselves.
  const serial = named.some((pattern) => pattern.includes('.vm.test.ts')) ? ['--test-concurrency=1'] : [];
  await nodeTest(named.flatMap(find), serial);
} else {
  // Much of the verifier is reached by real evidence only: without it the tests say that they were skipped, and coverage says nothing.
  const gate = existsSync(vectors)
    ? [
        '--experimental-test-coverage',
        ...gated.map((name) => `--test-coverage-include=packages/${name}/src/**/*.ts`),
        '--test-coverage-lines=100',
        '--test-coverage-branches=100',
      ]
    : [];
  if (gate.length === 0)
    console.error(
      `The coverage gate is left out: it needs the vectors (ENARX_VECTORS), and ${vectors} is not there.`,
    );
  await nodeTest(
    gated.flatMap((name) => find(`packages/${name}/test/**/*.test.ts`)),
    gate,
  );
  const others = find('{packages/*/test,tools,test}/**/*.test.ts');
  // Machines boot for seconds each and have a script of their own, `npm run test:vm`.
  await nodeTest(
    others.filter(
      (file) => !file.endsWith('.vm.test.ts') && !gated.some((name) => file.startsWith(`packages/${name}/`)),
    ),
  );
}
rmSync(outcomeFile, { force: true });
for (const name of unsteady) console.error(`~ unsteady, passed the second time: ${name}`);
for (const failure of failures) console.error(`✗ ${failure}`);
console.log(
  `${String(total.passed)} passed, ${String(total.failed)} failed, ${String(total.skipped)} skipped`,
);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
