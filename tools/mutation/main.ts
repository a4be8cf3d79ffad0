// SPDX-License-Identifier: Apache-2.0
//
// `npm run mutation [-- --subject NAME] [--jobs N] [--json FILE]`: changes the verifier in one place after the other and asks whether a test
// notices. What no test notices is listed; docs/mutation.md says of each why, or it is a test that is missing.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { mutantsOf, type Mutant } from './mutants.ts';
import { subjects, type Subject } from './subjects.ts';

const { values } = parseArgs({
  options: {
    subject: { type: 'string', multiple: true, default: [] },
    file: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const root = join(import.meta.dirname, '..', '..');
/** A mutant that loops is noticed by the clock. */
const patience = 120_000;

type End = 'noticed' | 'survived' | 'hung';
interface Result {
  readonly source: string;
  readonly mutant: Mutant;
  readonly end: End;
}

/** The tests of a subject in one process, ended at the first failure. */
async function runTests(
  tests: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<End> {
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      '--disable-warning=ExperimentalWarning',
      '--import',
      join(import.meta.dirname, 'substitute.ts'),
      '--test',
      '--test-isolation=none',
      '--test-reporter=tap',
      ...tests,
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, ...environment } },
  );
  return new Promise((resolve) => {
    let end: End | undefined;
    const stop = (how: End): void => {
      end ??= how;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => {
      stop('hung');
    }, patience);
    let line = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (line + text).split('\n');
      line = lines.pop() as string;
      if (lines.some((one) => /^\s*not ok /.test(one))) stop('noticed');
    });
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve(end ?? (status === 0 ? 'survived' : 'noticed'));
    });
  });
}

const chosen = subjects.filter(({ name }) => values.subject.length === 0 || values.subject.includes(name));
const work = mkdtempSync(join(tmpdir(), 'enarx-mutation-'));
const results: Result[] = [];
for (const { name, tests } of chosen) {
  const sound = await runTests(tests, {});
  if (sound !== 'survived') throw new Error(`the tests of ${name} fail without any change`);
}
const queue = chosen.flatMap((subject) =>
  subject.sources
    .filter((source) => values.file === undefined || source.endsWith(values.file))
    .flatMap((source) =>
      mutantsOf(readFileSync(join(root, source), 'utf8')).map((mutant) => ({ subject, source, mutant })),
    ),
);
console.log(`${String(queue.length)} mutants`);
const started = performance.now();
await Promise.all(
  Array.from({ length: Number(values.jobs) }, async (_, job) => {
    const file = join(work, `mutant-${String(job)}.ts`);
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await judge(next, file);
  }),
);
rmSync(work, { recursive: true, force: true });

async function judge(
  { subject, source, mutant }: { subject: Subject; source: string; mutant: Mutant },
  file: string,
): Promise<void> {
  writeFileSync(file, mutant.source);
  const environment = { ENARX_MUTATED: pathToFileURL(join(root, source)).href, ENARX_MUTANT: file };
  const end = await runTests(subject.tests, environment);
  results.push({ source, mutant, end });
  if (end === 'survived') console.log(describe({ source, mutant, end }));
}

function describe({ source, mutant: { id, original, replacement } }: Result): string {
  const short = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 90);
  return `survived: ${source}:${id}: ${short(original)} → ${short(replacement)}`;
}

const count = (end: End): number => results.filter((result) => result.end === end).length;
const minutes = (performance.now() - started) / 60_000;
console.log(
  `${String(results.length)} mutants: ${String(count('noticed'))} noticed, ${String(count('hung'))} hung, ${String(count('survived'))} survived (${minutes.toFixed(1)} min)`,
);
if (values.json !== undefined)
  writeFileSync(
    values.json,
    JSON.stringify(
      results.map(({ source, mutant: { id, original, replacement }, end }) => ({
        source,
        id,
        original,
        replacement,
        end,
      })),
      null,
      2,
    ),
  );
