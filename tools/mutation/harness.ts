// SPDX-License-Identifier: Apache-2.0

/** What the tests of this repository use of `node:test`, such that one test can be run by itself and again. */
type Body = () => unknown;
interface Options {
  readonly skip?: boolean | string;
}
interface Suite {
  readonly parent: Suite | undefined;
  readonly skip: boolean;
  readonly before: (() => Promise<void>)[];
}
export interface Test {
  readonly name: string;
  readonly run: () => Promise<void>;
  /** Runs what is to be done before, where it was not yet done. */
  readonly prepare: () => Promise<void>;
}

let suite: Suite = { parent: undefined, skip: false, before: [] };
let found: Test[] = [];
let waiting: Promise<unknown>[] = [];

const isSkipped = ({ skip }: Options): boolean => skip !== undefined && skip !== false;

export function test(name: string, ...rest: [Body] | [Options, Body]): void {
  const [options, run] = rest.length === 1 ? [{}, rest[0]] : rest;
  const within = suite;
  if (within.skip || isSkipped(options)) return;
  found.push({
    name,
    run: async () => {
      await run();
    },
    prepare: async () => {
      const outer: Suite[] = [];
      for (let one: Suite | undefined = within; one !== undefined; one = one.parent) outer.unshift(one);
      for (const one of outer) for (const before of one.before) await before();
    },
  });
}

export function describe(_name: string, ...rest: [Body] | [Options, Body]): void {
  const [options, body] = rest.length === 1 ? [{}, rest[0]] : rest;
  const parent = suite;
  suite = { parent, skip: parent.skip || isSkipped(options), before: [] };
  const ended = body();
  suite = parent;
  if (ended instanceof Promise) waiting.push(ended);
}
export { describe as suite };

export function before(body: Body): void {
  let done: Promise<unknown> | undefined;
  suite.before.push(async () => {
    await (done ??= Promise.resolve(body()));
  });
}

/** The tests of a file. */
export async function testsOf(url: string): Promise<readonly Test[]> {
  suite = { parent: undefined, skip: false, before: [] };
  found = [];
  await import(url);
  await Promise.all(waiting);
  waiting = [];
  return found;
}
