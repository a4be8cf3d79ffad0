// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { join } from 'node:path';
import { execPath } from 'node:process';
import type { Readable, Writable } from 'node:stream';

import { isAlive, referenceTo } from '@enarx/keepldr/processes';

import { keepmgrProblem } from '../problems.ts';
import type { LaunchedLoader, Launcher } from './launcher.ts';
import { loaderFlags } from './loader-flags.ts';

/** Node makes no pipes where it has no descriptors left for them. */
type Piped = ChildProcessByStdio<Writable, null, Readable>;
type LoaderProcess = Omit<Piped, 'stdin' | 'stderr'> & {
  readonly stdin: Writable | undefined;
  readonly stderr: Readable | undefined;
};

const longestDiagnosis = 400;
/** After a launch the machine belongs to the Keep that is starting: milliseconds until the next spare boots. */
const restAfterLaunch = 1000;

/**
 * Loaders as children of the daemon. Each leads a session of its own and holds no descriptor of ours but its standard
 * input and error, so it outlives a daemon that is restarted. Nothing is in its arguments or environment.
 *
 * Spares have booted and know nothing: no Keep, no directory, no token. One learns all that by its launch frame, serves that one Keep,
 * and ends with it. A spare ends when the daemon does, because its input does.
 *
 * @param release - directory of the release
 * @param count - spares that are kept
 */
export function childProcessLauncher(release: string, count: number): Launcher {
  const program = join(release, 'keepldr.js');
  const spares: LoaderProcess[] = [];
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const refill = (): void => {
    clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(() => {
      while (spares.length < count) {
        const spare = start(program, release);
        // The next launch asks for one again; what is wrong is told of it.
        if (spare.pid === undefined) return;
        spares.push(spare);
      }
    }, restAfterLaunch);
    timer.unref();
  };
  refill();
  return {
    launch: async ({ directory }) => {
      const spare = spares.pop();
      refill();
      const loader = launched(spare !== undefined && runs(spare) ? spare : start(program, directory));
      if (loader.process === undefined)
        throw keepmgrProblem('keepmgr/launch-failed', { found: await loader.exited });
      return loader;
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      for (const spare of spares.splice(0)) spare.kill('SIGKILL');
    },
  };
}

/** A spare may have been killed a moment ago, before we were told. */
function runs({ pid }: LoaderProcess): boolean {
  const reference = pid === undefined ? undefined : referenceTo(pid);
  return reference !== undefined && isAlive(reference);
}

function start(program: string, directory: string): LoaderProcess {
  const child: LoaderProcess = spawn(execPath, [...loaderFlags, program], {
    cwd: directory,
    env: {},
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  // Nobody may be listening yet when a spare cannot be started: its launch tells.
  child.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  return child;
}

function launched(child: LoaderProcess): LaunchedLoader {
  let diagnosis = '';
  const { stdin, stderr } = child;
  stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (diagnosis.length < longestDiagnosis) diagnosis += text.slice(0, longestDiagnosis);
  });
  const exited = new Promise<string>((resolve) => {
    child.on('error', (error) => {
      resolve(error.message);
    });
    child.on('exit', (code, signal) => {
      const how = signal ?? `status ${String(code)}`;
      resolve(diagnosis === '' ? how : `${how}: ${diagnosis.trim()}`);
    });
  });
  return {
    process: child.pid === undefined ? undefined : referenceTo(child.pid),
    begin: (frame) => {
      // A loader that ends before it has read its frame is told of by its exit.
      stdin?.end(frame);
    },
    exited,
  };
}
