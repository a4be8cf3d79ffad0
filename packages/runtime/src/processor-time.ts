// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

/** proc(5): `utime` and `stime` are fields 14 and 15 of /proc/PID/stat; what follows the parenthesised name begins with field 3. */
const userField = 14 - 3;
const systemField = 15 - 3;
/** `USER_HZ` has been 100 on every architecture that Node runs on: part of the kernel's promise to user space. */
const millisecondsPerTick = 10;
const soonest = 20;
const latest = 500;

/** Milliseconds of processor time that a process has used, all its threads together; `undefined` where /proc does not say. */
export function readProcessorTime(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[userField]) + Number(fields[systemField]);
  return Number.isSafeInteger(ticks) ? ticks * millisecondsPerTick : undefined;
}

/**
 * Watches what a process uses from outside: a program that computes never gives its own process a chance to look.
 * Looks the oftener the nearer the limit is.
 *
 * @param limit - milliseconds from now on
 * @param passed - called once, when the limit is passed
 * @returns a function that stops watching, or `undefined` when the processor time cannot be read
 */
export function watchProcessorTime(pid: number, limit: number, passed: () => void): (() => void) | undefined {
  const before = readProcessorTime(pid);
  if (before === undefined) return undefined;
  let timer: NodeJS.Timeout;
  const lookIn = (left: number): void => {
    timer = setTimeout(look, Math.min(Math.max(left / 2, soonest), latest));
  };
  const look = (): void => {
    const used = readProcessorTime(pid);
    // The process is gone; its owner learns that from its exit.
    if (used === undefined) return;
    if (used - before >= limit) passed();
    else lookIn(limit - (used - before));
  };
  lookIn(limit);
  return () => {
    clearTimeout(timer);
  };
}
