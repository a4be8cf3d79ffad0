// SPDX-License-Identifier: Apache-2.0
//
// The link between the supervisor and its runner: frames on the runner's fd 3.
import { maxFramePayload, type MessageType, type Of } from '@enarx/protocol';
import * as v from 'valibot';

/** Kinds 0 to 4 go to the runner, 5 to 11 come from it. */
export const runnerFrame = {
  /** The workload, {@link runMessage}. Comes once, before anything else. */
  run: 0,
  /** Bytes of the module, in order, as many as `size` says. */
  module: 1,
  stdin: 2,
  stdinEnd: 3,
  /** Bytes of output that the runner may send on top of what it was granted before; a `credit` message. */
  credit: 4,
  /** The runner has booted. Empty. */
  ready: 5,
  /** The module is compiled and found fit; the program starts. Empty. */
  started: 6,
  stdout: 7,
  stderr: 8,
  /** Bytes of standard input that the supervisor may send on top of what it was granted before; a `credit` message. */
  stdinWanted: 9,
  /** How the program ended; an `ended` message of which `exit`, `trap` and `limit memory` are the runner's to say. */
  ended: 10,
  /** The program cannot be run: Concise Problem Details. */
  problem: 11,
} as const;

/** Bytes of output that may be on their way: what the runner may send before the first credit. */
export const outputWindow = 262_144;

/** No string of a program's may hold NUL, which ends it. */
const string = v.pipe(v.string(), v.excludes('\0'));

/** Index in the list is the number of the descriptor. */
const file = v.variant('kind', [
  v.strictObject({ kind: v.literal('null') }),
  v.strictObject({ kind: v.literal('stdin') }),
  v.strictObject({ kind: v.literal('stdout') }),
  v.strictObject({ kind: v.literal('stderr') }),
]);
export type File = v.InferOutput<typeof file>;

const run = v.strictObject({
  /** Bytes. */
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(1_073_741_824)),
  args: v.pipe(v.array(string), v.maxLength(1024)),
  env: v.pipe(v.array(v.strictTuple([string, string])), v.maxLength(1024)),
  files: v.pipe(v.array(file), v.maxLength(1024)),
  /** Linear memory that the runner was started with, in 64 KiB pages; so that a module that asks for more at once is told so. */
  pages: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(65_536)),
});

export const runMessage: MessageType<v.InferOutput<typeof run>> = {
  name: 'run',
  // As much as the client's own `deliver`, which holds the same and more, may have.
  maxBytes: maxFramePayload,
  schema: run,
};
export type Run = Of<typeof runMessage>;
