// SPDX-License-Identifier: Apache-2.0
import type { Configuration } from '../config/schema.ts';
import type { DaemonLog } from '../daemon-log.ts';
import type { Limits } from '../limits.ts';
import { childProcessLauncher } from './child-process.ts';
import type { Launcher } from './launcher.ts';

interface Place {
  /** Directory of the release. */
  readonly release: string;
  /** Directory of the Keeps' directories. */
  readonly keeps: string;
  readonly limits: Limits;
  readonly log: DaemonLog;
  readonly clock: () => number;
}

/** The launcher that the configuration names; child processes where it names none. */
export async function configuredLauncher(
  config: Configuration['launcher'],
  { release, keeps, limits, log, clock }: Place,
): Promise<Launcher> {
  if (config?.kind !== 'systemd') return childProcessLauncher(release, limits.spareLoaders);
  const { systemdLauncher } = await import('./systemd/systemd.ts');
  const { unit = 'template', unenforced = 'refuse', memory, processors, tasks } = config;
  return systemdLauncher({
    release,
    keeps,
    unit,
    unenforced,
    log,
    clock,
    ceilings: { memory, processors, tasks },
  });
}
