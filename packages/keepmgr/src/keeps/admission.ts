// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { constrainedMemory } from 'node:process';

import type { Limits } from '../limits.ts';
import { keepmgrProblem } from '../problems.ts';

/** MiB. */
export interface MachineMemory {
  readonly available: number;
  readonly total: number;
}

/** What Keeps count for, in MiB. */
export interface Committed {
  /** All that there are, or that are being made. */
  readonly all: number;
  /** Of these, those that launch and may not have taken it yet. */
  readonly launching: number;
}

/**
 * Refuses a Keep that the machine would not bear: once memory is short the kernel kills somebody, and it need not be the one
 * who asked. So it looks at what is free now, and at what all Keeps may come to take.
 *
 * @param wanted - MiB that the Keep counts for
 * @throws EnarxError `keepmgr/host-busy`
 */
export function admit(
  wanted: number,
  { all, launching }: Committed,
  { memory, memoryReserve }: Pick<Limits, 'memory' | 'memoryReserve'>,
  machine = readMachineMemory(),
): void {
  const most = memory === 0 ? machine.total - memoryReserve : memory;
  if (all + wanted > most) {
    throw keepmgrProblem('keepmgr/host-busy', {
      found: `Keeps that count for ${String(all)} MiB, and ${String(wanted)} MiB more`,
      expected: `at most ${most.toFixed(0)} MiB`,
    });
  }
  const needed = memoryReserve + launching + wanted;
  if (machine.available < needed) {
    throw keepmgrProblem('keepmgr/host-busy', {
      found: `${machine.available.toFixed(0)} MiB of memory`,
      expected: `${String(needed)} MiB`,
    });
  }
}

/**
 * Of the machine, or of the daemon's control group where that has less. How much of a group's is free nobody says: what it uses holds what was read of files, too.
 * @throws EnarxError `keepmgr/host-busy`
 */
export function readMachineMemory(meminfo = '/proc/meminfo'): MachineMemory {
  let text: string;
  try {
    text = readFileSync(meminfo, 'latin1');
  } catch (cause) {
    // Out of descriptors: there would be none for a Keep either.
    throw keepmgrProblem('keepmgr/host-busy', { found: (cause as Error).message, cause });
  }
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) / 1024;
  const group = constrainedMemory() / 2 ** 20;
  const total = field('MemTotal');
  return { total: group > 0 ? Math.min(group, total) : total, available: field('MemAvailable') };
}
