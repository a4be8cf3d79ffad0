// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Leader of a process group: its id, and its start in clock ticks since boot, which tells it from a later process that got the same id. */
export type ProcessReference = readonly [id: number, start: number];

interface Stat {
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly start: number;
}

/** proc_pid_stat(5). The command name stands in parentheses and may hold anything, so fields are counted from the last parenthesis. */
function statOf(id: number): Stat | undefined {
  let line: string;
  try {
    line = readFileSync(`/proc/${String(id)}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state, parent, group] = fields;
  // Field 22 of the line; `state` is field 3.
  const start = Number(fields[19]);
  if (state === undefined || !Number.isSafeInteger(start)) return undefined;
  return { state, parent: Number(parent), group: Number(group), start };
}

/** The reference to a process that runs now. */
export function referenceTo(id: number): ProcessReference | undefined {
  const stat = statOf(id);
  return stat === undefined ? undefined : [id, stat.start];
}

/** Whether this very process still runs. A zombie does not run. */
export function isAlive([id, start]: ProcessReference): boolean {
  const stat = statOf(id);
  return stat?.start === start && stat.state !== 'Z';
}

/** Whether this very process leads a group of its own and is a child of the given one. */
export function leadsGroupBelow([id, start]: ProcessReference, parent: number): boolean {
  const stat = statOf(id);
  return stat?.start === start && stat.group === id && stat.parent === parent;
}

/**
 * Kills the group of a leader that its parent still has to wait for, so that the id cannot have been given to
 * another process meanwhile.
 */
export function killOwnGroup(leader: number): void {
  signalGroup(leader);
}

/**
 * Kills the process group that the reference led, and nothing else.
 *
 * While the leader lives, id and start time name it. When it is gone and members are left (a runner that spins, its
 * supervisor killed), the group's id cannot have been given away, since the kernel reuses no id that still names a group;
 * but all of them may have gone and a stranger's group may have come, so each member must also be `ours`.
 *
 * @param ours - tells from a member's command line (NUL-separated) and working directory whether it belongs to the Keep
 * @returns whether anything was left to kill
 */
export function killRecordedGroup(
  reference: ProcessReference,
  ours: (commandLine: string, directory: string) => boolean,
): boolean {
  const [leader, start] = reference;
  const stat = statOf(leader);
  if (stat?.start === start) {
    const living = stat.state !== 'Z';
    signalGroup(leader);
    signal(leader);
    return living || membersOf(leader).length > 0;
  }
  if (stat !== undefined) return false;
  const members = membersOf(leader).filter((id) => {
    const member = statOf(id);
    return member !== undefined && member.start >= start && ours(commandLineOf(id), directoryOf(id));
  });
  for (const id of members) signal(id);
  return members.length > 0;
}

/**
 * Kills every process that names the Keep's directory in its command line or stands in it, whoever its parent is: a
 * sandbox that was killed while it was being made leaves a child that no group and no record tells of.
 *
 * @param directory - the Keep's own; its name holds the id, so nobody else's process has to do with it
 * @returns how many there were; none is left when it is 0
 */
export function killThoseIn(directory: string): number {
  const found = running().filter(
    (id) =>
      id !== process.pid && (commandLineOf(id).includes(directory) || directoryOf(id).startsWith(directory)),
  );
  for (const id of found) signal(id);
  return found.length;
}

function membersOf(group: number): number[] {
  return running().filter((id) => statOf(id)?.group === group);
}

function running(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((id) => {
      const stat = statOf(id);
      return stat !== undefined && stat.state !== 'Z';
    });
}

function commandLineOf(id: number): string {
  try {
    return readFileSync(`/proc/${String(id)}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function directoryOf(id: number): string {
  try {
    return readlinkSync(`/proc/${String(id)}/cwd`);
  } catch {
    return '';
  }
}

/** Ids 0 and 1 mean "own group" and "everybody" to kill(2) when negated. */
function signalGroup(leader: number): void {
  if (leader > 1) signal(-leader);
}

function signal(target: number): void {
  try {
    process.kill(target, 'SIGKILL');
  } catch {
    // Gone already, which is what was wanted.
  }
}

let boot: string | undefined;

/** Identifies this boot: process ids and start times mean nothing after the next one. */
export function bootId(): string {
  boot ??= readBootId();
  return boot;
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return 'unknown';
  }
}
