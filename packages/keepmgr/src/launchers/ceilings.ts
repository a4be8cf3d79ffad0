// SPDX-License-Identifier: Apache-2.0
import type { LoaderWanted } from './launcher.ts';

/** The most that one Keep may take of its host, all its processes together. What is left out is not bounded. */
export interface Ceilings {
  /** MiB of memory. */
  readonly memory?: number | undefined;
  /** Processors that it may keep busy; 0.5 is half the time of one. */
  readonly processors?: number | undefined;
  /** Processes and threads. */
  readonly tasks?: number | undefined;
}

/** A ceiling that was asked for and is not in force. */
export interface Shortfall {
  readonly ceiling: keyof Ceilings;
  readonly wanted: number;
  /** What the kernel says: a number, or why there is none. */
  readonly found: string;
}

/** A machine's own memory and processors come on top: the ceilings are for what runs it. */
export function ceilingsFor({ resources }: Pick<LoaderWanted, 'resources'>, ceilings: Ceilings): Ceilings {
  const { memory, processors, tasks } = ceilings;
  const { memory: machineMemory = 0, vcpus = 0 } = resources ?? {};
  return {
    memory: memory === undefined ? undefined : memory + machineMemory,
    processors: processors === undefined ? undefined : processors + vcpus,
    tasks,
  };
}
