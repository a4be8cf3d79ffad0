// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process that has to do with a directory, and the program of ours that it runs. */
export interface FoundProcess {
  readonly id: number;
  /** `enarx`, `keepmgr`, `keepldr`, `wasmldr` or `runner`; the name of the executable for others, such as `bwrap`. */
  readonly program: string;
}

/** All processes whose command line, environment, mounts or working directory name the directory. Zombies have none of these and are no longer processes. */
export function processesOf(directory: string): FoundProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((id) => concerns(id, directory))
    .map((id) => ({ id, program: programOf(id) }));
}

function concerns(id: number, directory: string): boolean {
  const files = ['cmdline', 'environ', 'mountinfo'].map((name) => `/proc/${String(id)}/${name}`);
  return (
    files.some((file) => readOr(file).includes(directory)) ||
    linkOr(`/proc/${String(id)}/cwd`).startsWith(directory)
  );
}

function programOf(id: number): string {
  const [command = '', ...words] = readOr(`/proc/${String(id)}/cmdline`).split('\0');
  const executable = command.replace(/^.*\//, '');
  // The sandbox around a program names it, too.
  if (executable !== 'node') return executable;
  const script = words.findLast((word) => /\/(enarx|keepmgr|keepldr|wasmldr|runner)\.c?js$/.test(word));
  return script?.replace(/^.*\/|\.c?js$/g, '') ?? executable;
}

/** Content of a file that the kernel shows; empty when its process has just gone. */
export function readOr(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function linkOr(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Waits until the condition holds. @throws Error after the time given, with what was expected */
export async function eventually(
  expected: string,
  condition: () => boolean | Promise<boolean>,
  milliseconds = 20_000,
): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not in time: ${expected}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Waits until nothing that has to do with the directory runs any more. */
export async function nothingRunsIn(directory: string, milliseconds = 20_000): Promise<void> {
  let left: FoundProcess[] = [];
  try {
    await eventually('', () => (left = processesOf(directory)).length === 0, milliseconds);
  } catch {
    throw new Error(`left over: ${left.map(({ id, program }) => `${program} ${String(id)}`).join(', ')}`);
  }
}
