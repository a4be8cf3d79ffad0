// SPDX-License-Identifier: Apache-2.0
//
// `npm run fuzz -- [--target NAME]… [--executions N] [--seed N] [--jobs N]`: coverage-guided fuzzing of every decoder that reads what others
// wrote. A finding is kept in .stamp/fuzz/ and makes the run fail.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';

import type { FuzzReport } from './fuzzer.ts';
import { allTargets } from './targets.ts';
import { currentHeader, type Order } from './order.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true, default: [] },
    executions: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(process.pid) },
    jobs: { type: 'string', default: '1' },
  },
});
const executions = Number(values.executions);
const seed = Number(values.seed);
/** One input may take this long. Real ones take milliseconds. */
const patience = 20_000;
const mostMemory = 1024;
const longestInput = 2 ** 21;

type Outcome = FuzzReport & { readonly seconds: number };

async function run(target: string): Promise<Outcome> {
  const current = new SharedArrayBuffer(currentHeader + longestInput);
  const head = new Int32Array(current, 0, 2);
  const order: Order = { target, executions, seed, current };
  const worker = new Worker(join(import.meta.dirname, 'worker.ts'), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: mostMemory },
    execArgv: ['--conditions=source', '--disable-warning=ExperimentalWarning'],
  });
  const started = performance.now();
  const lost = (reason: string): FuzzReport => ({
    executions: Atomics.load(head, 1),
    corpus: 0,
    coverage: 0,
    slowest: 0,
    accepted: 0,
    finding: {
      input: Uint8Array.from(new Uint8Array(current, currentHeader, Atomics.load(head, 0))),
      reason,
    },
  });
  const report = await new Promise<FuzzReport>((resolve) => {
    let before = -1;
    const watch = setInterval(() => {
      const now = Atomics.load(head, 1);
      if (now === before && now > 0) resolve(lost(`no answer within ${String(patience / 1000)} s`));
      before = now;
    }, patience);
    worker.once('message', resolve);
    worker.once('error', (error) => {
      resolve(lost(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    });
    worker.once('exit', () => {
      clearInterval(watch);
      resolve(lost('the thread ended'));
    });
  });
  await worker.terminate();
  return { ...report, seconds: (performance.now() - started) / 1000 };
}

const all = await allTargets();
const names = values.target.length > 0 ? values.target : all.map(({ name }) => name);
const unknown = names.filter((name) => !all.some((target) => target.name === name));
if (unknown.length > 0) {
  console.error(`no target ${unknown.join(', ')}; there are ${all.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
let total = 0;
let findings = 0;
console.log(`seed ${String(seed)}`);
const queue = [...names];
await Promise.all(
  Array.from({ length: Number(values.jobs) }, async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const outcome = await run(name);
      total += outcome.executions;
      console.log(describe(name, outcome));
      if (outcome.finding !== undefined) {
        findings += 1;
        keep(name, outcome.finding.input, outcome.finding.reason);
      }
    }
  }),
);
console.log(`${String(total)} executions of ${String(names.length)} targets, ${String(findings)} findings`);
process.exitCode = findings === 0 ? 0 : 1;

function describe(
  name: string,
  { executions: done, seconds, corpus, coverage, slowest, accepted, finding }: Outcome,
): string {
  const rate = Math.round(done / seconds);
  return `${finding === undefined ? '✓' : '✗'} ${name}: ${String(done)} executions, ${String(rate)}/s, ${String(coverage)} ranges, ${String(corpus)} parents, ${String(accepted)} accepted, slowest ${slowest.toFixed(1)} ms`;
}

function keep(name: string, input: Uint8Array, reason: string): void {
  const directory = join(import.meta.dirname, '..', '..', '.stamp', 'fuzz');
  mkdirSync(directory, { recursive: true });
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 16);
  const file = join(directory, `${name}-${digest}`);
  writeFileSync(file, input);
  writeFileSync(`${file}.txt`, `${reason}\n`);
  console.error(`  ${file}: ${reason}`);
}
