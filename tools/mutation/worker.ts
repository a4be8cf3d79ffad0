// SPDX-License-Identifier: Apache-2.0
//
// Runs tests on one mutant after the other, in one process as long as that stays sound.
import { pathToFileURL } from 'node:url';

import { testsOf, type Test } from './harness.ts';
import { keepKeys, keysAnew, keysFor } from './keys.ts';

/** What main.ts asks. */
export type Order =
  | { readonly record: readonly string[] }
  /** Tests as `FILE#PLACE`, in this order. */
  | { readonly mutant: number; readonly tests: readonly string[] };

/** What a test is without any mutant. */
export interface Recorded {
  readonly test: string;
  readonly milliseconds: number;
  /** The mutants that it came by. */
  readonly met: readonly number[];
}
export type Answer =
  | { readonly tests: readonly Recorded[]; readonly atLoading: readonly number[] }
  /** The test that failed; `null`, which JSON keeps, when all passed. */
  | { readonly noticed: string | null; readonly sound: boolean };

/** The mutant that acts from the start of this process, which is then for it alone. */
const fromStart = Number(process.env['ENARX_MUTANT'] ?? -1);
let acting = fromStart;
let met = new Set<number>();
let strayed = false;

declare global {
  var mutant: (number: number) => boolean;
}
globalThis.mutant = (number) => {
  met.add(number);
  return number === acting;
};
for (const event of ['unhandledRejection', 'uncaughtException'])
  process.on(event, () => {
    strayed = true;
  });

keepKeys(process.env['ENARX_KEYS'] as string);
const loaded = new Map<string, Promise<readonly Test[]>>();

async function testOf(name: string): Promise<Test> {
  const [file = '', place] = name.split('#');
  let tests = loaded.get(file);
  if (tests === undefined) {
    tests = testsOf(pathToFileURL(file).href);
    loaded.set(file, tests);
  }
  const test = (await tests)[Number(place)];
  if (test === undefined) throw new Error(`there is no test ${name}`);
  return test;
}

/** Whether a test passes; what comes before it is done as if there were no mutant, but in a process that is for one. */
async function passes(name: string, number: number): Promise<boolean> {
  strayed = false;
  try {
    acting = fromStart;
    const test = await testOf(name);
    await test.prepare();
    keysFor('tested');
    acting = number;
    await test.run();
    await new Promise(setImmediate);
    return !strayed;
  } catch {
    return false;
  } finally {
    keysFor('prepared');
  }
}

async function record(files: readonly string[]): Promise<Answer> {
  const names: string[] = [];
  for (const file of files) {
    const tests = testsOf(pathToFileURL(file).href);
    loaded.set(file, tests);
    for (const [place, test] of (await tests).entries()) {
      await test.prepare();
      names.push(`${file}#${String(place)}`);
    }
  }
  const atLoading = [...met];
  const tests: Recorded[] = [];
  for (const test of names) {
    met = new Set();
    const started = performance.now();
    if (!(await passes(test, -1)))
      throw new Error(`${test} (${(await testOf(test)).name}) fails without any change`);
    tests.push({ test, milliseconds: performance.now() - started, met: [...met] });
  }
  return { tests, atLoading };
}

async function judge(number: number, tests: readonly string[]): Promise<Answer> {
  keysAnew();
  for (const test of tests)
    if (!(await passes(test, number))) {
      // A mutant may leave something behind that makes the tests of the next one fail.
      const sound = fromStart < 0 && (await passes(test, -1));
      return { noticed: test, sound };
    }
  return { noticed: null, sound: true };
}

process.on('message', (order: Order) => {
  void ('record' in order ? record(order.record) : judge(order.mutant, order.tests)).then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
// main.ts is gone.
process.on('disconnect', () => {
  process.exit();
});
