// SPDX-License-Identifier: Apache-2.0
//
// keepmgr [--listen URL]… [--config FILE] [--state DIR] [--simulator FILE --anchor FILE] [--sev-platform FILE --sev-anchor FILE] [--image DIR] [--allow-listen ADDRESS:PORTS]… [--allow-dial HOST:PORTS]… [--until-stdin-ends]
//
// Writes one line of JSON to standard output when it is ready, and its events to standard error, one line of JSON each.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { env, exit, stderr, stdin, stdout } from 'node:process';
import { parseArgs } from 'node:util';

import { EnarxError } from '@enarx/protocol';

import type { Configuration } from './config/schema.ts';
import { startKeepmgr, type Keepmgr } from './keepmgr.ts';

const usage = 64;
const unavailable = 69;

function stateDirectory(): string {
  return join(env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'enarx');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      listen: { type: 'string', multiple: true },
      config: { type: 'string' },
      state: { type: 'string', default: stateDirectory() },
      simulator: { type: 'string' },
      anchor: { type: 'string' },
      'allow-listen': { type: 'string', multiple: true, default: [] },
      'allow-dial': { type: 'string', multiple: true, default: [] },
      'sev-platform': { type: 'string' },
      'sev-anchor': { type: 'string' },
      image: { type: 'string' },
      'until-stdin-ends': { type: 'boolean', default: false },
    },
  });
  const { simulator: file, anchor: anchorFile } = values;
  if ((file === undefined) !== (anchorFile === undefined))
    throw new TypeError('--simulator and --anchor belong together');
  const { 'sev-platform': sevFile, 'sev-anchor': sevAnchorFile, image } = values;
  if ((sevFile === undefined) !== (sevAnchorFile === undefined))
    throw new TypeError('--sev-platform and --sev-anchor belong together');
  const configFile = values.config;
  const config = configFile === undefined ? undefined : await readConfigurationFile(configFile);
  const keepmgr = await startKeepmgr({
    listen: values.listen ?? config?.listen ?? (await defaultListen()),
    config,
    stateDirectory: values.state,
    releaseDirectory: import.meta.dirname,
    ...(file === undefined || anchorFile === undefined ? {} : { simulator: { file, anchorFile } }),
    ...(sevFile === undefined || sevAnchorFile === undefined
      ? {}
      : { sevPlatform: { file: sevFile, anchorFile: sevAnchorFile } }),
    image,
    sockets: { listen: values['allow-listen'], dial: values['allow-dial'] },
    log: (line) => stderr.write(line),
  });
  const managed = env['NOTIFY_SOCKET'] === undefined ? undefined : await import('./service-manager.ts');
  endWhenAsked(keepmgr, values['until-stdin-ends'], managed?.notifyStopping);
  reloadWhenAsked(keepmgr, configFile);
  const simulator = await keepmgr.simulator;
  stdout.write(
    `${JSON.stringify({
      event: 'ready',
      address: keepmgr.address,
      pid: process.pid,
      simulator: { anchor: simulator.anchorFile, fingerprint: simulator.fingerprint },
    })}\n`,
  );
  managed?.notifyReady(`Listening on ${keepmgr.addresses.join(', ')}`);
}

/** What only a daemon with a configuration needs is loaded for it alone. */
async function readConfigurationFile(file: string): Promise<Configuration> {
  return (await import('./config/read.ts')).readConfiguration(file);
}

/** A configuration that cannot be used is told in the log, and the daemon goes on with what it had. */
function reloadWhenAsked(keepmgr: Keepmgr, file: string | undefined): void {
  process.on('SIGHUP', () => {
    if (file === undefined) return;
    readConfigurationFile(file)
      .then((config) => keepmgr.reload(config))
      .catch((error: unknown) => {
        stderr.write(`${JSON.stringify({ event: 'reload-refused', detail: (error as Error).message })}\n`);
      });
  });
}

/** systemd may listen for us already. */
async function defaultListen(): Promise<string> {
  const descriptor =
    env['LISTEN_FDS'] === undefined ? undefined : (await import('./service-manager.ts')).activatedSocket();
  return descriptor === undefined ? 'http://127.0.0.1:3030' : `fd:${String(descriptor)}`;
}

/**
 * Whoever started it may go away without a word; then it and all its Keeps go too. SIGUSR2 alone leaves the Keeps to the
 * next daemon, which has ten seconds: that is how a new release takes over.
 */
function endWhenAsked(keepmgr: Keepmgr, untilInputEnds: boolean, ending?: () => void): void {
  const end = (): void => {
    ending?.();
    void keepmgr.close().finally(() => exit(0));
  };
  process.once('SIGUSR2', () => {
    ending?.();
    void keepmgr.close('leave').finally(() => exit(0));
  });
  process.once('SIGTERM', end).once('SIGINT', end);
  // The reader of the events may have gone; the daemon stays.
  stderr.on('error', () => undefined);
  stdout.on('error', () => undefined);
  if (untilInputEnds) stdin.on('end', end).on('error', end).resume();
}

try {
  await main();
} catch (error) {
  const known = error instanceof EnarxError ? (error as EnarxError) : undefined;
  stderr.write(
    `${JSON.stringify({
      event: 'failed',
      ...(known === undefined ? {} : { code: known.code, mend: known.mend }),
      detail: (error as Error).message,
    })}\n`,
  );
  exit(known !== undefined && known.kind !== 'usage' ? unavailable : usage);
}
