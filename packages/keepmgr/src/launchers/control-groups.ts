// SPDX-License-Identifier: Apache-2.0
//
// What the kernel really holds a process to. systemd takes a limit, shows it and enforces nothing where the controller is not there
// (no `memory` in cgroup.controllers, or bound to the other version), so that only the kernel's own files count.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Ceilings, Shortfall } from './ceilings.ts';

const mebibyte = 1_048_576;

interface Bound {
  /** Controller of version 1. */
  readonly controller: string;
  /** @returns the bound in the ceiling's unit, `Infinity` where there is none; throws where the controller has no files */
  readonly unified: (directory: string) => number;
  readonly legacy: (directory: string) => number;
}

const bounds: Readonly<Record<keyof Ceilings, Bound>> = {
  memory: {
    controller: 'memory',
    unified: (directory) => numberIn(directory, 'memory.max') / mebibyte,
    legacy: (directory) => numberIn(directory, 'memory.limit_in_bytes') / mebibyte,
  },
  processors: {
    controller: 'cpu',
    unified: (directory) => {
      const [quota, period] = textIn(directory, 'cpu.max').split(' ');
      return quota === 'max' ? Infinity : Number(quota) / Number(period);
    },
    legacy: (directory) => {
      const quota = numberIn(directory, 'cpu.cfs_quota_us');
      return quota < 0 ? Infinity : quota / numberIn(directory, 'cpu.cfs_period_us');
    },
  },
  tasks: {
    controller: 'pids',
    unified: (directory) => numberIn(directory, 'pids.max'),
    legacy: (directory) => numberIn(directory, 'pids.max'),
  },
};

/**
 * The ceilings that the kernel does not hold a process to.
 * @param processId - a process of the Keep
 * @param root - directory in which the kernel's file systems are looked for
 */
export function shortfalls(processId: number, wanted: Ceilings, root = '/'): Shortfall[] {
  return (Object.keys(bounds) as (keyof Ceilings)[]).flatMap((ceiling) => {
    const most = wanted[ceiling];
    if (most === undefined) return [];
    try {
      const found = boundOf(processId, bounds[ceiling], root);
      // The kernel rounds memory to pages and quotas to its clock; what is lower than wanted bounds as well.
      return found <= most * 1.001 ? [] : [{ ceiling, wanted: most, found: String(found) }];
    } catch (error) {
      return [{ ceiling, wanted: most, found: (error as Error).message }];
    }
  });
}

/** @throws Error where the controller is not to be found for this process */
function boundOf(processId: number, { controller, unified, legacy }: Bound, root: string): number {
  const groups = textIn(root, `proc/${String(processId)}/cgroup`).split('\n');
  const mounts = textIn(root, 'proc/self/mountinfo').split('\n');
  for (const line of groups) {
    // cgroups(7): hierarchy, controllers, path
    const [hierarchy, controllers = '', ...path] = line.split(':');
    const isUnified = hierarchy === '0' && controllers === '';
    if (!isUnified && !controllers.split(',').includes(controller)) continue;
    const mounted = mounts
      .map((mount) => mountPoint(mount, isUnified ? undefined : controller))
      .find(Boolean);
    if (mounted === undefined) continue;
    const directory = join(root, mounted, path.join(':'));
    if (!isUnified) return legacy(directory);
    // In a hybrid of both versions the controller is elsewhere.
    if (textIn(directory, 'cgroup.controllers').split(' ').includes(controller)) return unified(directory);
  }
  throw new Error(`no control group of the controller ${controller}`);
}

/** proc_pid_mountinfo(5): mount point in field 5; type and options behind the hyphen. */
function mountPoint(line: string, controller: string | undefined): string | undefined {
  const [front = '', back = ''] = line.split(' - ');
  const [type, , options = ''] = back.split(' ');
  const point = front
    .split(' ')[4]
    ?.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
  if (controller === undefined) return type === 'cgroup2' ? point : undefined;
  return type === 'cgroup' && options.split(',').includes(controller) ? point : undefined;
}

function textIn(directory: string, file: string): string {
  return readFileSync(join(directory, file), 'latin1').trim();
}

function numberIn(directory: string, file: string): number {
  const text = textIn(directory, file);
  // An empty text would be the number 0, the strictest of all.
  return text === 'max' ? Infinity : Number.parseInt(text, 10);
}
