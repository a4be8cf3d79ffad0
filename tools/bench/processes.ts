// SPDX-License-Identifier: Apache-2.0
import { spawn, type SpawnOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Runs a program to its end. @returns milliseconds of wall time @throws Error when it does not end with status 0 */
export function timed(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
    let errors = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) resolve(performance.now() - started);
      else
        reject(new Error(`${command} ${args.join(' ')} ended with ${String(status ?? signal)}: ${errors}`));
    });
  });
}

/** Milliseconds per clock tick of /proc: USER_HZ is 100 on every Linux that Node runs on. */
const tick = 10;

/** Processor time in milliseconds that a process and those of its children that it has waited for have used, in steps of 10 ms. */
export function processorTime(id: number | 'self'): number {
  const stat = readFileSync(`/proc/${String(id)}/stat`, 'latin1');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  // utime, stime, cutime and cstime are fields 14 to 17 of proc(5).
  return [11, 12, 13, 14].reduce((sum, index) => sum + (fields[index] as number), 0) * tick;
}

/** The same, without the process itself. */
export function processorTimeOfChildren(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return ((fields[13] as number) + (fields[14] as number)) * tick;
}

/** Proportional set size in bytes: what the process would give back if it ended, shared pages counted by their share. */
export function proportionalSize(id: number): number {
  const text = readFileSync(`/proc/${String(id)}/smaps_rollup`, 'latin1');
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1]) * 1024;
}
