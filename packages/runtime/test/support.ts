// SPDX-License-Identifier: Apache-2.0
import type { Ended, Limits } from '@enarx/protocol';
import {
  startRunner,
  type File,
  type Network,
  type OutputName,
  type PackageEntry,
  type Run,
  type Runner,
  type Workload,
} from '@enarx/runtime';

import { bundledRunner } from '../../../test/support/runner-bundle.ts';

export interface Given {
  readonly args?: readonly string[];
  readonly env?: readonly (readonly [string, string])[];
  readonly limits?: Limits;
  readonly files?: readonly File[];
  readonly package?: AsyncIterable<PackageEntry>;
  readonly network?: Network;
  readonly optimize?: 'auto' | 'baseline' | 'full';
  /** Whether the program blocks its process where it waits. */
  readonly blocking?: boolean;
  /** Given as the program asks for it, then ended; never ended when left out. */
  readonly stdin?: Uint8Array | undefined;
  /** Path of another runner than our own. */
  readonly runner?: string;
  readonly wrap?: (argv: string[]) => string[];
  readonly onOutput?: (stream: OutputName, chunk: Uint8Array) => Promise<void>;
  readonly onStarted?: () => void;
}

export interface Started {
  readonly runner: Runner;
  readonly run: Run;
  /** Resolves with all that was printed, after the process is gone. */
  readonly finished: Promise<Finished>;
}

export interface Finished {
  readonly ended: Ended;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** Starts a real runner process with a program. */
export async function start(module: Uint8Array, given: Given = {}): Promise<Started> {
  const shape = { size: module.length, limits: given.limits ?? {}, optimize: given.optimize };
  const runner = startRunner({
    runner: given.runner ?? (await bundledRunner()),
    shape,
    blocking: given.blocking ?? false,
    ...(given.wrap === undefined ? {} : { wrap: given.wrap }),
  });
  const printed: Record<OutputName, Uint8Array[]> = { stdout: [], stderr: [] };
  let input = given.stdin;
  const workload: Workload = {
    ...shape,
    args: given.args ?? ['main.wasm'],
    env: given.env ?? [],
    files: given.files,
    package: given.package,
    network: given.network,
    onStarted: () => given.onStarted?.(),
    onStdinWanted: (bytes) => {
      if (input === undefined) return;
      const piece = input.subarray(0, bytes);
      input = input.subarray(piece.length);
      void run.writeStdin(piece);
      if (input.length === 0) run.endStdin();
    },
    onOutput: async (stream, chunk) => {
      printed[stream].push(chunk);
      await given.onOutput?.(stream, chunk);
    },
  };
  let run: Run;
  try {
    run = runner.run(workload);
  } catch (error) {
    runner.kill();
    await runner.exited;
    throw error;
  }
  const finish = async (): Promise<Finished> => {
    try {
      await run.writeModule(module);
      const ended = await run.ended;
      return { ended, stdout: Buffer.concat(printed.stdout), stderr: Buffer.concat(printed.stderr) };
    } finally {
      runner.kill();
      await runner.exited;
    }
  };
  return { runner, run, finished: finish() };
}

/** Runs a program to its end. */
export async function runToEnd(module: Uint8Array, given: Given = {}): Promise<Finished> {
  const { finished } = await start(module, given);
  return finished;
}
