// SPDX-License-Identifier: Apache-2.0
//
// `npm run mutation [-- --subject NAME] [--file NAME] [--only FILE] [--jobs N] [--json FILE]`: changes the verifier in one place after the other
// and asks whether a test notices. What no test notices is listed; docs/mutation.md says of each why, or it is a test that is missing.
//
// All mutants of a subject are put into its sources at once, behind a switch (mutants.ts). A first run without any says which tests come by
// which mutant, and how long each takes. Then a process that stays turns on one after the other and runs these tests, the quickest first.
// Whatever seems to survive that, and what only decides while a module is loaded, gets a process of its own, in which it acts from the start.
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { instrument, mutantsOf, type Mutant } from './mutants.ts';
import { subjects, type Subject } from './subjects.ts';
import type { Answer, Order } from './worker.ts';

const { values } = parseArgs({
  options: {
    subject: { type: 'string', multiple: true, default: [] },
    file: { type: 'string' },
    only: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const root = join(import.meta.dirname, '..', '..');
/** A mutant that loops is noticed by the clock. */
const patience = 60_000;
/** For all tests without any mutant. */
const patienceAtFirst = 1_800_000;

type End = 'noticed' | 'survived' | 'hung';
interface Numbered {
  readonly source: string;
  readonly mutant: Mutant;
  readonly number: number;
}
interface Result extends Numbered {
  readonly end: End;
  /** The test that noticed. */
  readonly by?: string | undefined;
}

/** A process with the tests; `undefined` from it is an end before its answer. */
class Worker {
  readonly #child: ChildProcess;

  constructor(mutated: string, mutant?: number) {
    this.#child = fork(join(import.meta.dirname, 'worker.ts'), {
      cwd: root,
      execArgv: [
        '--conditions=source',
        '--disable-warning=ExperimentalWarning',
        '--import',
        join(import.meta.dirname, 'substitute.ts'),
      ],
      stdio: ['ignore', 'ignore', mutant === undefined ? 'inherit' : 'ignore', 'ipc'],
      env: {
        ...process.env,
        ENARX_MUTATION: mutated,
        ENARX_KEYS: work,
        ...(mutant === undefined ? {} : { ENARX_MUTANT: String(mutant) }),
      },
    });
  }

  async ask(order: Order, milliseconds: number): Promise<Answer | 'ended' | 'hung'> {
    return new Promise((resolve) => {
      const done = (answer: Answer | 'ended' | 'hung'): void => {
        clearTimeout(timer);
        this.#child.removeAllListeners();
        resolve(answer);
      };
      const timer = setTimeout(() => {
        this.end();
        done('hung');
      }, milliseconds);
      this.#child.once('message', (answer) => {
        done(answer as Answer);
      });
      this.#child.once('exit', () => {
        done('ended');
      });
      this.#child.send(order);
    });
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Of the sources of a subject, what was chosen. */
class Run {
  readonly #mutated: string;
  readonly #queue: Numbered[] = [];
  readonly #tests: readonly string[];
  /** Tests by the mutant that they come by, the quickest first. */
  readonly #meeting = new Map<number, string[]>();
  /** Mutants that are come by before any test. */
  readonly #atLoading = new Set<number>();
  /** Every test, those first that come by anything in the same source, and of these the quickest. */
  readonly #ofSource = new Map<string, string[]>();
  readonly #milliseconds = new Map<string, number>();

  constructor(subject: Subject, work: string, only: ReadonlySet<string> | undefined) {
    const texts: Record<string, string> = {};
    let number = 0;
    for (const source of subject.sources) {
      if (values.file !== undefined && !source.endsWith(values.file)) continue;
      const text = readFileSync(join(root, source), 'utf8');
      texts[pathToFileURL(join(root, source)).href] = instrument(text, number);
      for (const mutant of mutantsOf(text)) {
        if (only === undefined || only.has(`${source}:${mutant.id}`))
          this.#queue.push({ source, mutant, number });
        number++;
      }
    }
    this.#tests = subject.tests;
    this.#mutated = join(work, `${subject.name}.json`);
    writeFileSync(this.#mutated, JSON.stringify(texts));
  }

  get size(): number {
    return this.#queue.length;
  }

  async judge(jobs: number, report: (result: Result) => void): Promise<void> {
    if (this.size === 0) return;
    const first = new Worker(this.#mutated);
    await this.#record(first);
    await Promise.all(
      Array.from({ length: Math.min(jobs, this.size) }, async (_, job) => {
        let worker = job === 0 ? first : new Worker(this.#mutated);
        for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
          const { result, sound } = await this.#judge(next, worker);
          report(result);
          if (sound) continue;
          worker.end();
          worker = new Worker(this.#mutated);
        }
        worker.end();
      }),
    );
  }

  async #record(worker: Worker): Promise<void> {
    const answer = await worker.ask({ record: this.#tests }, patienceAtFirst);
    if (typeof answer === 'string' || !('atLoading' in answer))
      throw new Error('the tests do not pass without any change');
    for (const number of answer.atLoading) this.#atLoading.add(number);
    const sourceOf = new Map(this.#queue.map(({ number, source }) => [number, source]));
    const tests = [...answer.tests].sort((a, b) => a.milliseconds - b.milliseconds);
    for (const { test, milliseconds, met } of tests) {
      this.#milliseconds.set(test, milliseconds);
      for (const number of met) this.#meeting.set(number, [...(this.#meeting.get(number) ?? []), test]);
      for (const source of new Set(met.map((number) => sourceOf.get(number))))
        if (source !== undefined) this.#ofSource.set(source, [...(this.#ofSource.get(source) ?? []), test]);
    }
    for (const { source } of this.#queue) {
      const related = this.#ofSource.get(source) ?? [];
      const others = tests.map(({ test }) => test).filter((test) => !related.includes(test));
      this.#ofSource.set(source, [...related, ...others]);
    }
  }

  /** `sound` says that the worker may judge another. */
  async #judge(one: Numbered, worker: Worker): Promise<{ result: Result; sound: boolean }> {
    const { number, source } = one;
    const tests = this.#meeting.get(number) ?? [];
    const alone = this.#atLoading.has(number) ? (this.#ofSource.get(source) ?? []) : tests;
    if (alone.length === 0) return { result: { ...one, end: 'survived' }, sound: true };
    if (tests.length === 0) return { result: await this.#judgeAlone(one, alone), sound: true };
    const answer = await worker.ask({ mutant: number, tests }, this.#patience(tests));
    if (answer === 'hung') return { result: { ...one, end: 'hung' }, sound: false };
    if (answer === 'ended' || !('noticed' in answer))
      return { result: await this.#judgeAlone(one, alone), sound: false };
    if (answer.noticed !== null && answer.sound)
      return { result: { ...one, end: 'noticed', by: answer.noticed }, sound: true };
    return { result: await this.#judgeAlone(one, alone), sound: answer.sound };
  }

  async #judgeAlone(one: Numbered, tests: readonly string[]): Promise<Result> {
    const worker = new Worker(this.#mutated, one.number);
    const answer = await worker.ask({ mutant: one.number, tests }, this.#patience(tests));
    worker.end();
    if (answer === 'hung') return { ...one, end: 'hung' };
    if (answer === 'ended' || !('noticed' in answer)) return { ...one, end: 'noticed', by: 'loading' };
    return answer.noticed === null
      ? { ...one, end: 'survived' }
      : { ...one, end: 'noticed', by: answer.noticed };
  }

  #patience(tests: readonly string[]): number {
    return patience + 3 * tests.reduce((sum, test) => sum + (this.#milliseconds.get(test) ?? 0), 0);
  }
}

/** `SOURCE:LINE:COLUMN OPERATOR` at the beginning of each line of a list, as an earlier run wrote it. */
function readOnly(file: string): ReadonlySet<string> {
  const lines = readFileSync(file, 'utf8').split('\n');
  return new Set(
    lines.flatMap((line) => {
      const id = /^(?:survived: )?(\S+:\d+:\d+ [a-z ]+)/.exec(line)?.[1];
      return id === undefined ? [] : [id];
    }),
  );
}

const work = mkdtempSync(join(tmpdir(), 'enarx-mutation-'));
const only = values.only === undefined ? undefined : readOnly(values.only);
const runs = subjects
  .filter(({ name }) => values.subject.length === 0 || values.subject.includes(name))
  .map((subject) => new Run(subject, work, only));
const total = runs.reduce((sum, { size }) => sum + size, 0);
console.log(`${String(total)} mutants`);
const results: Result[] = [];
const started = performance.now();
for (const run of runs)
  await run.judge(Number(values.jobs), (result) => {
    results.push(result);
    if (result.end === 'survived') console.log(describe(result));
    if (results.length % 50 === 0) console.log(`${String(results.length)} of ${String(total)}`);
    if (values.json !== undefined) save(values.json);
  });
rmSync(work, { recursive: true, force: true });

function describe({ source, mutant: { id, original, replacement } }: Result): string {
  const short = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 90);
  return `survived: ${source}:${id}: ${short(original)} → ${short(replacement)}`;
}

function save(file: string): void {
  const plain = results.map(({ source, mutant, end, by }) => ({ source, ...mutant, end, by }));
  writeFileSync(file, JSON.stringify(plain, null, 2));
}

const count = (end: End): number => results.filter((result) => result.end === end).length;
const minutes = (performance.now() - started) / 60_000;
console.log(
  `${String(results.length)} mutants: ${String(count('noticed'))} noticed, ${String(count('hung'))} hung, ${String(count('survived'))} survived (${minutes.toFixed(1)} min)`,
);
