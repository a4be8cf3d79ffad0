// SPDX-License-Identifier: Apache-2.0
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import { startKeepmgr } from '@enarx/keepmgr';

import type { EnarxContext } from '../../context.ts';
import { cliProblem } from '../../problems.ts';
import type { KeepmgrFlags } from './flags.ts';

/** Runs a host daemon in this process until a signal ends it. */
export async function runKeepmgr(this: EnarxContext, flags: KeepmgrFlags): Promise<void> {
  const { output, release } = this;
  const { simulator: file, anchor: anchorFile } = flags;
  if ((file === undefined) !== (anchorFile === undefined))
    throw cliProblem('cli/usage', { found: '--simulator and --anchor belong together' });
  const { sevPlatform, sevAnchor, image } = flags;
  if ((sevPlatform === undefined) !== (sevAnchor === undefined))
    throw cliProblem('cli/usage', { found: '--sev-platform and --sev-anchor belong together' });
  // Listened for first: a daemon that is stopped while it starts must not leave anything behind.
  const stopped = new Promise<undefined>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'])
      process.once(signal, () => {
        resolve(undefined);
      });
  });
  const keepmgr = await startKeepmgr({
    listen: flags.listen,
    stateDirectory: flags.state ?? stateDirectory(this.process.env),
    releaseDirectory: release,
    ...(file === undefined || anchorFile === undefined ? {} : { simulator: { file, anchorFile } }),
    sockets: { listen: flags.allowListen ?? [], dial: flags.allowDial ?? [] },
    ...(sevPlatform === undefined || sevAnchor === undefined
      ? {}
      : { sevPlatform: { file: sevPlatform, anchorFile: sevAnchor } }),
    image,
    log: (line) => this.process.stderr.write(line),
  });
  try {
    const simulator = await Promise.race([keepmgr.simulator, stopped]);
    if (simulator === undefined) return;
    const { fingerprint, anchorFile: anchor } = simulator;
    output.result(
      { event: 'ready', address: keepmgr.address, pid: process.pid, simulator: { anchor, fingerprint } },
      () =>
        [
          `keepmgr listens on ${keepmgr.address}`,
          `SIMULATED processor: clients accept its Keeps only with --anchor ${anchor}`,
          `  (a copy of that file; SHA-256 of its key: ${fingerprint})`,
        ].join('\n'),
    );
    await stopped;
  } finally {
    await keepmgr.close();
  }
}

function stateDirectory(env: EnarxContext['process']['env']): string {
  return join(env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'enarx');
}
