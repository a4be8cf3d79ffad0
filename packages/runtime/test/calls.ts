// SPDX-License-Identifier: Apache-2.0
//
// Programs that make preview 1 calls one after the other, written down as data, so that a test says exactly what a call is given.
import assert from 'node:assert/strict';

import { programs, type HostCall } from '../../../test/support/programs.ts';
import { packageOfTree, type Tree } from './files-of.ts';
import { preview1Function } from './preview1-functions.ts';
import { runToEnd, type Given } from './support.ts';

/** WASI preview 1 `errno`, those that tests name. */
export const errno = {
  success: 0,
  again: 6,
  badf: 8,
  busy: 10,
  exist: 20,
  fault: 21,
  fbig: 22,
  ilseq: 25,
  inval: 28,
  isdir: 31,
  loop: 32,
  mfile: 33,
  nametoolong: 37,
  noent: 44,
  nospc: 51,
  nosys: 52,
  notdir: 54,
  notempty: 55,
  notsock: 57,
  perm: 63,
  rofs: 69,
  spipe: 70,
  notcapable: 76,
} as const;

export const call = (name: string, ...args: (number | bigint)[]): HostCall => ({
  function: preview1Function(name),
  args,
});

type Argument = number | bigint | string | Uint8Array;
type Step = readonly [name: string, ...args: Argument[]];

/** Where texts and bytes among the arguments are put, and where results are expected. */
const dataAt = 1024;
export const resultAt = 16;

/** The one directory that the program finds, and what a test gives it. */
export interface Surroundings {
  readonly tree?: Tree;
  readonly readonly?: boolean;
  readonly given?: Given;
  /** What lies in memory before the first call, below 1024. */
  readonly data?: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  /** Another memory than one page. */
  readonly memory?: { readonly initial: number; readonly maximum?: number; readonly flags?: number };
  /** How much memory from address 0 on is returned. */
  readonly shown?: number;
}

export interface Answers {
  readonly errnos: readonly number[];
  readonly memory: Buffer;
}

/**
 * Makes calls in a runner whose descriptor 3 is the directory `/`. A text or bytes among the arguments stand for two: where they lie, and how long they are.
 */
export async function answers(steps: readonly Step[], surroundings: Surroundings = {}): Promise<Answers> {
  const data: { at: number; bytes: Uint8Array }[] = [];
  let at = dataAt;
  const place = (bytes: Uint8Array): number[] => {
    const pair = [at, bytes.length];
    if (bytes.length > 0) data.push({ at, bytes });
    at += bytes.length;
    assert.ok(at <= 32_768);
    return pair;
  };
  const calls = steps.map(([name, ...args]) =>
    call(
      name,
      ...args.flatMap((arg) =>
        typeof arg === 'string' ? place(Buffer.from(arg)) : arg instanceof Uint8Array ? place(arg) : [arg],
      ),
    ),
  );
  const { tree, readonly = false, given, shown = 1024, data: initial = [], memory } = surroundings;
  const module = programs.callEach(calls, [...initial, ...data], [{ at: 0, length: shown }], memory);
  const { ended, stdout } = await runToEnd(module, {
    stdin: new Uint8Array(0),
    files: [
      ...(['stdin', 'stdout', 'stderr'] as const).map((kind) => ({ kind })),
      { kind: 'directory', path: '/', readonly },
    ],
    ...(tree === undefined ? {} : { package: packageOfTree(tree) }),
    ...given,
  });
  assert.deepEqual(ended, { how: 'exit', code: 0 });
  return {
    errnos: calls.map((_, index) => stdout.readUInt32LE(4 * index)),
    memory: stdout.subarray(4 * calls.length),
  };
}

/** What each of these calls returns, against what it should. */
export async function expectErrnos(
  steps: readonly (readonly [expected: keyof typeof errno, ...step: Step])[],
  surroundings: Surroundings = {},
): Promise<Buffer> {
  const { errnos, memory } = await answers(
    steps.map(([, ...step]) => step),
    surroundings,
  );
  const nameOf = (number: number): string =>
    Object.entries(errno).find(([, value]) => value === number)?.[0] ?? String(number);
  assert.deepEqual(
    errnos.map((number, index) => `${steps[index]?.[1] ?? ''} ${nameOf(number)}`),
    steps.map(([expected, name]) => `${name} ${expected}`),
  );
  return memory;
}

const all = 0x3fff_ffffn;
const oflag = { creat: 1, directory: 2, excl: 4, trunc: 8 } as const;

/** `path_open` with all rights that there are to have; the new descriptor's number is stored at {@link resultAt}. */
export function open(
  path: string | Uint8Array,
  flags: (keyof typeof oflag)[] = [],
  options: { fd?: number; follow?: boolean; base?: bigint; inheriting?: bigint; fdflags?: number } = {},
): Step {
  const { fd = 3, follow = true, base = 0x0fff_ffffn & ~(1n << 6n), inheriting = all, fdflags = 0 } = options;
  const bits = flags.reduce((sum, flag) => sum | oflag[flag], 0);
  return ['path_open', fd, follow ? 1 : 0, path, bits, base, inheriting, fdflags, resultAt];
}

/** Rights of a file that is to be read and written. */
export const readWrite = 0x0fff_ffffn;

/** A list of vectors as `fd_read` and its like take it, to be put into memory. */
export function vectors(
  at: number,
  ...pairs: readonly (readonly [at: number, length: number])[]
): { at: number; bytes: Uint8Array } {
  return { at, bytes: new Uint8Array(Uint32Array.from(pairs.flat()).buffer) };
}
