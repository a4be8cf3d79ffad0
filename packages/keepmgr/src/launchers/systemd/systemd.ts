// SPDX-License-Identifier: Apache-2.0
import { dirname } from 'node:path';
import { getuid } from 'node:process';

import { referenceTo } from '@enarx/keepldr/processes';
import { formatKeepId, parseKeepId } from '@enarx/protocol';

import type { DaemonLog } from '../../daemon-log.ts';
import { keepmgrProblem } from '../../problems.ts';
import { ceilingsFor, type Ceilings } from '../ceilings.ts';
import { shortfalls } from '../control-groups.ts';
import type { LaunchedLoader, Launcher, LoaderWanted } from '../launcher.ts';
import { readJournal } from './journal.ts';
import { openLaunchSocket, type LaunchSocket } from './launch-socket.ts';
import { privateSocket, ServiceUnits, systemBus, type ServiceProperties } from './service-units.ts';
import { unitCeilings } from './unit-ceilings.ts';
import { unitProperties } from './unit-properties.ts';

export interface SystemdOptions {
  /** Directory of the release. */
  readonly release: string;
  /** Directory of the Keeps' directories: what is in another is another daemon's. */
  readonly keeps: string;
  /** Instances of `enarx-keep@.service`, or units that the daemon describes, for which it needs the right to start anything. */
  readonly unit: 'template' | 'transient';
  /** Given to a transient unit; demanded of one that a file describes. */
  readonly ceilings: Ceilings;
  /** What becomes of a Keep that the kernel does not hold to a ceiling. */
  readonly unenforced: 'refuse' | 'allow';
  readonly log: DaemonLog;
  readonly clock: () => number;
  /** Where D-Bus is spoken; else systemd's own socket for root, and the system's bus for everybody else. */
  readonly socket?: string | undefined;
}

/** Milliseconds after which a launch that systemd's absence has spoilt is not begun once more. */
const longestLaunch = 6000;

/**
 * Loaders as services of the machine's systemd, each in a control group of its own. They outlive the daemon; when a loader ends, systemd ends
 * whatever else is in its group.
 */
export function systemdLauncher(options: SystemdOptions): Launcher {
  return new SystemdLauncher(options);
}

class SystemdLauncher implements Launcher {
  readonly #options: SystemdOptions;
  readonly #units: ServiceUnits;

  constructor(options: SystemdOptions) {
    this.#options = options;
    this.#units = new ServiceUnits(options.socket ?? (getuid?.() === 0 ? privateSocket : systemBus));
  }

  async launch(wanted: LoaderWanted): Promise<LaunchedLoader> {
    const unit = this.#nameOf(wanted.id);
    const deadline = performance.now() + longestLaunch;
    for (;;) {
      const begun = performance.now();
      try {
        return await this.#launchOnce(unit, wanted);
      } catch (error) {
        if (!this.#units.isPassing(error, begun) || performance.now() > deadline) throw error;
      }
      // It may have been started or not, and a transient unit may have lost what it was made with. Its loader has been told nothing, so it is no loss.
      await this.#units.end(unit);
    }
  }

  async #launchOnce(unit: string, wanted: LoaderWanted): Promise<LaunchedLoader> {
    const socket = await launchSocketIn(wanted.directory);
    try {
      const ceilings = ceilingsFor(wanted, this.#options.ceilings);
      await this.#start(unit, wanted, ceilings);
      const properties = await this.#units.serviceProperties(unit);
      const process = referenceTo(Number(properties.get('MainPID')));
      if (process === undefined) throw keepmgrProblem('keepmgr/launch-failed', { found: endOf(properties) });
      this.#holdTo(wanted, process[0], properties, ceilings);
      return {
        process,
        begin: (frame) => {
          socket.give(frame);
        },
        exited: this.#exited(unit, socket),
      };
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  async end(id: Uint8Array): Promise<void> {
    const unit = this.#nameOf(id);
    try {
      await this.#units.end(unit);
    } catch (error) {
      this.#options.log('unit-not-ended', { unit, detail: (error as Error).message });
    }
  }

  async sweep(isKeep: (id: Uint8Array) => boolean): Promise<void> {
    const { log } = this.#options;
    try {
      const units = await this.#units.list(
        this.#options.unit === 'template' ? 'enarx-keep@*' : 'enarx-keep-*',
      );
      await Promise.all(
        units.map(async (unit) => {
          const id = parseKeepId(/([0-9a-f]{32})\.service$/.exec(unit)?.[1] ?? '');
          if (id === undefined || unit !== this.#nameOf(id) || isKeep(id)) return;
          const properties = await this.#units.serviceProperties(unit);
          if (!this.#isOurs(properties)) return;
          log('orphan-unit', { unit });
          await this.#units.end(unit);
        }),
      );
    } catch (error) {
      log('units-not-swept', { detail: (error as Error).message });
    }
  }

  log(id: Uint8Array): ReturnType<NonNullable<Launcher['log']>> {
    return readJournal(this.#nameOf(id), this.#options.clock);
  }

  async obstacles(): Promise<readonly string[]> {
    const unit = this.#nameOf(new Uint8Array(16));
    try {
      if (this.#options.unit === 'transient') await this.#units.list(unit);
      else if (!(await this.#units.loads(unit)))
        return ['the unit enarx-keep@.service is not there or damaged'];
      return [];
    } catch (error) {
      return [`systemd: ${(error as Error).message}`];
    }
  }

  close(): void {
    this.#units.close();
  }

  #nameOf(id: Uint8Array): string {
    return `enarx-keep${this.#options.unit === 'template' ? '@' : '-'}${formatKeepId(id)}.service`;
  }

  #isOurs(properties: ServiceProperties): boolean {
    const directory = properties.get('WorkingDirectory');
    return typeof directory === 'string' && dirname(directory) === this.#options.keeps;
  }

  async #start(unit: string, wanted: LoaderWanted, ceilings: Ceilings): Promise<void> {
    if (this.#options.unit === 'transient')
      await this.#units.startTransient(unit, unitProperties(this.#options.release, wanted, ceilings));
    else await this.#units.start(unit);
  }

  /**
   * Nothing that was asked for counts before it is read back from the kernel.
   * @throws EnarxError `keepmgr/ceiling-not-enforced`
   */
  #holdTo({ id }: LoaderWanted, processId: number, properties: ServiceProperties, ceilings: Ceilings): void {
    const { log, unenforced } = this.#options;
    const keep = formatKeepId(id);
    const wanted = unitCeilings(properties, ceilings);
    const missing = shortfalls(processId, wanted);
    for (const { ceiling, wanted: most, found } of missing)
      log('ceiling-not-enforced', { keep, ceiling, most, found });
    if (missing.length > 0 && unenforced === 'refuse') {
      throw keepmgrProblem('keepmgr/ceiling-not-enforced', {
        found: missing.map(({ ceiling, found }) => `${ceiling}: ${found}`).join('; '),
        expected: missing
          .map(({ ceiling, wanted: most }) => `${ceiling}: at most ${String(most)}`)
          .join('; '),
      });
    }
    const inForce = Object.entries(wanted).filter(([name]) =>
      missing.every(({ ceiling }) => ceiling !== name),
    );
    log('ceilings-in-force', { keep, ...Object.fromEntries(inForce) });
  }

  /** Looks whenever systemd says that something of the unit has changed. */
  async #exited(unit: string, socket: LaunchSocket): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const look = (): void => {
      this.#units.serviceProperties(unit).then(
        (properties) => {
          if (properties.get('MainPID') === 0) resolve(endOf(properties));
        },
        // systemd that cannot be asked tells nothing of the loader; the Keep looks for its process itself.
        () => undefined,
      );
    };
    const unwatch = await this.#units.watch(unit, look).catch(() => undefined);
    // It may have ended before anybody watched.
    look();
    const how = await promise;
    unwatch?.();
    socket.close();
    return how;
  }
}

/** @throws EnarxError `keepmgr/launch-failed` */
async function launchSocketIn(directory: string): Promise<LaunchSocket> {
  try {
    return await openLaunchSocket(directory);
  } catch (cause) {
    throw keepmgrProblem('keepmgr/launch-failed', { found: (cause as Error).message, cause });
  }
}

/** CLD_EXITED of wait(2), and what stands where systemd has forgotten the unit. */
const exitedByItself = 1;
const forgotten = 0;

function endOf(properties: ServiceProperties): string {
  const result = properties.get('Result') as string;
  const status = String(Number(properties.get('ExecMainStatus')));
  const code = properties.get('ExecMainCode');
  if (code === forgotten) return 'gone';
  const how = code === exitedByItself ? `status ${status}` : `signal ${status}`;
  return result === 'success' ? how : `${how} (${result})`;
}
