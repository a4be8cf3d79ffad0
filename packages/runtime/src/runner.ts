// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';

import { FrameStream } from '@enarx/channel/frame-stream';

import { runtimeProblem } from './problems.ts';
import { Run, type ProcessEnd, type RunnerProcess } from './run.ts';
import { longestLinkPayload } from './runner-frames.ts';
import { nodeArguments, tuningFor, type Shape, type Tuning } from './runner-flags.ts';
import { encodeWorkload, type Workload } from './workload.ts';

export interface RunnerOptions {
  /** Absolute path of the bundled runner, the one file that it may read. */
  readonly runner: string;
  /** Node 26 or later; this process's own where it is left out. */
  readonly node?: string;
  /** Puts a sandbox around the command, for example one that kills it when its parent dies. It must become the process that it starts, not stay its parent. */
  readonly wrap?: (argv: string[]) => string[];
  /** Numeric user and group of the process; this process's own where it is left out. */
  readonly user?: number;
  /** The workload, when it is known already; a small one without limits otherwise. */
  readonly shape?: Shape;
  /** Block the process where the program waits, as it has to be where the engine cannot suspend a program. */
  readonly blocking?: boolean;
}

/** Bytes of the runner's own standard error that are kept for the report when it dies. The runner blocks when it writes more. */
const maxDiagnostics = 4096;
const linkFd = 3;
/** How V8 says that its heap is full, before it ends the process: when the heap has grown too far, or for one object that is too large. */
const heapExhausted = /FATAL ERROR: .*(?:heap limit|out of memory|invalid (?:array|table) size)/i;

/**
 * Starts a runner process, which boots while its workload is still on the way.
 * It gets no environment, no standard input or output, one link, and a standard error of which a page is read.
 */
export function startRunner({
  runner,
  node = process.execPath,
  wrap = (argv) => argv,
  user,
  shape,
  blocking = false,
}: RunnerOptions): Runner {
  const tuning = tuningFor(shape);
  const [command, ...args] = wrap([node, ...nodeArguments(runner, tuning, blocking)]);
  const child = spawn(command ?? node, args, {
    cwd: '/',
    env: {},
    ...(user === undefined ? {} : { uid: user, gid: user }),
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  return new Runner(child, tuning);
}

/** A runner process: waiting for its one workload, running it, or gone. */
export class Runner {
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #tuning: Tuning;
  readonly #frames: FrameStream;
  readonly #end: Promise<ProcessEnd>;
  #gone = false;
  #used = false;
  #run: Run | undefined;

  constructor(child: ChildProcess, tuning: Tuning) {
    this.#child = child;
    this.#tuning = tuning;
    this.#frames = new FrameStream(child.stdio[linkFd] as Duplex, longestLinkPayload);
    this.#end = endOf(child);
    this.exited = this.#end.then(() => {
      this.#gone = true;
    });
  }

  /** `undefined` when the process could not be started; `run` then says why. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether this process is alive, unused, and set up for such a workload. Otherwise kill it and start another. */
  fits(shape: Shape): boolean {
    const wanted = tuningFor(shape);
    return (
      !this.#used && !this.#gone && wanted.heap === this.#tuning.heap && wanted.stack === this.#tuning.stack
    );
  }

  /**
   * Hands over a workload; its module follows by `writeModule`.
   * @throws EnarxError `runner/used`; `message/invalid` or `cbor/too-large` for a workload that cannot be expressed
   */
  run(workload: Workload): Run {
    if (this.#used) throw runtimeProblem('runner/used');
    const message = encodeWorkload(workload);
    this.#used = true;
    const { pid = 0 } = this.#child;
    const runner: RunnerProcess = {
      pid,
      frames: this.#frames,
      exited: this.#end,
      kill: () => {
        this.#child.kill('SIGKILL');
      },
    };
    this.#run = new Run(runner, workload, message);
    return this.#run;
  }

  /** SIGKILL: immediate, and nothing that a program does can prevent it. A run that is under way ends as `stopped`. */
  kill(): void {
    this.#run?.kill();
    this.#child.kill('SIGKILL');
  }
}

function endOf(child: ChildProcess): Promise<ProcessEnd> {
  const diagnostics: Buffer[] = [];
  let size = 0;
  const stderr = child.stderr as Readable;
  stderr.on('data', (chunk: Buffer) => {
    diagnostics.push(chunk.subarray(0, maxDiagnostics - size));
    size += chunk.length;
    // Reading no further makes a runner that floods wait for itself.
    if (size >= maxDiagnostics) stderr.pause();
  });
  stderr.on('error', () => undefined);
  return new Promise((resolve) => {
    child.on('error', ({ message }) => {
      if (child.pid === undefined) resolve({ started: false, heapExhausted: false, how: message });
    });
    // Not 'close', which waits for a standard error that is no longer read.
    child.on('exit', (code, signal) => {
      const said = Buffer.concat(diagnostics).toString('utf8').trim();
      const how = signal ?? `exit status ${String(code)}`;
      resolve({
        started: true,
        heapExhausted: heapExhausted.test(said),
        how: said === '' ? how : `${how}: ${said}`,
      });
    });
  });
}
