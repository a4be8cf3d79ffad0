// SPDX-License-Identifier: Apache-2.0
import process, { env } from 'node:process';

import type { Configuration } from './config/schema.ts';
import { startKeepmgr, type Keepmgr, type KeepmgrOptions } from './keepmgr.ts';
import type { SimulatedAnchor } from './simulated-processor.ts';

export interface DaemonOptions extends Omit<KeepmgrOptions, 'listen' | 'config'> {
  /** Where to listen; without it where the configuration says, or systemd has begun to, or port 3030 of loopback. */
  readonly listen?: readonly string[] | undefined;
  /** Configuration, read now and at each SIGHUP. */
  readonly configFile?: string | undefined;
  /** Ends the daemon like a signal when standard input ends: whoever started it may go away without a word. */
  readonly untilInputEnds?: boolean | undefined;
  readonly log: (line: string) => void;
  /** Everything is ready, the simulated processor included. */
  onReady(keepmgr: Keepmgr, simulator: SimulatedAnchor): void;
}

/**
 * Runs a daemon until SIGINT or SIGTERM ends it and all its Keeps. SIGUSR2 leaves the Keeps to the next daemon, which has ten seconds: that is how a new release takes
 * over. SIGHUP reads the configuration again.
 *
 * @throws EnarxError what {@link startKeepmgr} throws, `keepmgr/simulator-unreadable`
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  // Listened for first: a daemon that is stopped while it starts must not leave anything behind.
  const ended = endAsked(options.untilInputEnds === true);
  const { configFile } = options;
  const config = configFile === undefined ? undefined : await readConfigurationFile(configFile);
  const keepmgr = await startKeepmgr({
    ...options,
    listen: options.listen ?? config?.listen ?? (await defaultListen()),
    config,
  });
  const managed = env['NOTIFY_SOCKET'] === undefined ? undefined : await import('./service-manager.ts');
  let fate: 'destroy' | 'leave' = 'destroy';
  try {
    reloadWhenAsked(keepmgr, options);
    const simulator = await Promise.race([keepmgr.simulator, ended]);
    if (typeof simulator !== 'string') {
      options.onReady(keepmgr, simulator);
      managed?.notifyReady(`Listening on ${keepmgr.addresses.join(', ')}`);
    }
    fate = await ended;
  } finally {
    managed?.notifyStopping();
    await keepmgr.close(fate);
  }
}

function endAsked(untilInputEnds: boolean): Promise<'destroy' | 'leave'> {
  return new Promise((resolve) => {
    const destroy = (): void => {
      resolve('destroy');
    };
    process.once('SIGTERM', destroy).once('SIGINT', destroy);
    process.once('SIGUSR2', () => {
      resolve('leave');
    });
    // The reader of the events may have gone; the daemon stays.
    process.stderr.on('error', () => undefined);
    process.stdout.on('error', () => undefined);
    if (untilInputEnds) process.stdin.on('end', destroy).on('error', destroy).resume();
  });
}

/** What only a daemon with a configuration needs is loaded for it alone. */
async function readConfigurationFile(file: string): Promise<Configuration> {
  return (await import('./config/read.ts')).readConfiguration(file);
}

/** A configuration that cannot be used is told in the log, and the daemon goes on with what it had. */
function reloadWhenAsked(keepmgr: Keepmgr, { configFile }: DaemonOptions): void {
  process.on('SIGHUP', () => {
    if (configFile === undefined) return;
    keepmgr.reload(() => readConfigurationFile(configFile)).catch(() => undefined);
  });
}

/** systemd may listen for us already. */
async function defaultListen(): Promise<string> {
  const descriptor =
    env['LISTEN_FDS'] === undefined ? undefined : (await import('./service-manager.ts')).activatedSocket();
  return descriptor === undefined ? 'http://127.0.0.1:3030' : `fd:${String(descriptor)}`;
}
