// SPDX-License-Identifier: Apache-2.0
import type { ProblemKind } from '@enarx/protocol';

/**
 * Exit statuses of every command. They are a contract: scripts act on them. A new kind of problem never takes the status
 * of an old one, and a new code never changes the status of its kind.
 */
export const exitStatus = {
  accepted: 0,
  rejected: 10,
  unsupported: 20,
  malformed: 30,
  usage: 64,
  unavailable: 69,
  internal: 70,
} as const;

/**
 * `run` and `keep run` end with the program's exit code. What goes wrong besides has a status from the end of the range,
 * which few programs use; `--json` tells the two apart for certain.
 */
export const runExitStatus = {
  rejected: 240,
  unsupported: 241,
  malformed: 242,
  unavailable: 243,
  internal: 244,
  usage: 64,
  /** 128 + SIGABRT, as a shell says it of a process that aborted. */
  trap: 134,
  /** 128 + SIGKILL, as a shell says it of a process that was killed for its memory. */
  limit: 137,
  /** 128 + SIGTERM: the owner or the host stopped the program. */
  stopped: 143,
} as const;

/** What each status means, for the documentation and `--help`. */
export const exitStatusMeanings: Readonly<Record<keyof typeof exitStatus, string>> = {
  accepted: 'done; where evidence was judged, it was accepted',
  rejected: 'rejected: evidence that does not verify, or a policy that says no',
  unsupported: 'understood, and not offered by this host or release',
  malformed: 'the input breaks its own format',
  usage: 'the command line or a file that it names makes no sense; nothing was done',
  unavailable: 'the host cannot be reached, went away, or has no room',
  internal: 'the output cannot be written, or our own fault; please report that',
};

/** The same for `run` and `keep run`. */
export const runExitStatusMeanings: Readonly<Record<keyof typeof runExitStatus, string>> = {
  rejected: 'rejected: nothing of the program left this machine',
  unsupported: 'understood, and not offered or not allowed by this host or release',
  malformed: 'the program, an answer or a file breaks its own format',
  unavailable:
    'the host, or what the program is to be connected to, cannot be reached or trusted, went away, or has no room',
  internal: 'the output cannot be written or nobody reads it, or our own fault; please report that',
  usage: exitStatusMeanings.usage,
  trap: 'the program trapped',
  limit: 'the program passed a limit and was ended',
  stopped: 'the program was stopped by its owner or the host',
};

/** How a command derives its status from the kind of a problem. */
export type StatusTable = Readonly<Record<ProblemKind, number>>;

/** The largest status that a process can end with. */
const largest = 255;

/**
 * A program may exit with any 32-bit number and a process with eight bits of it. Cutting would turn 256 into success, so
 * all that do not fit become 255.
 */
export function statusOfProgram(code: number): number {
  return code > largest ? largest : code;
}
