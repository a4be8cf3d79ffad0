// SPDX-License-Identifier: Apache-2.0
import type { Doors } from './api/doors.ts';
import type { InForce } from './config/in-force.ts';
import type { Configuration } from './config/schema.ts';
import type { DaemonLog } from './daemon-log.ts';
import type { Keeps } from './keeps/keeps.ts';

/** A configuration, or what gives the newest. */
export type ConfigurationSource = Configuration | (() => Promise<Configuration>);

interface Reloaded {
  readonly inForce: InForce;
  readonly doors: Doors;
  readonly keeps: Keeps;
  readonly log: DaemonLog;
}

/** Puts other configurations in force, one after the other. One that is refused changes nothing. */
export function reloader(reloaded: Reloaded): (source: ConfigurationSource) => Promise<void> {
  let last = Promise.resolve();
  return (source) => {
    const done = last.then(() => reload(reloaded, source));
    last = done.catch(() => undefined);
    return done;
  };
}

async function reload({ inForce, doors, keeps, log }: Reloaded, source: ConfigurationSource): Promise<void> {
  let wanted: Configuration;
  try {
    wanted = typeof source === 'function' ? await source() : source;
    await doors.reload(wanted);
  } catch (error) {
    log('reload-refused', { detail: (error as Error).message });
    throw error;
  }
  inForce.replace(wanted);
  keeps.quotasChanged();
  keeps.resizePool(wanted.pool ?? {});
  log('reloaded');
}
