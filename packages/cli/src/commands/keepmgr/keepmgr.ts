// SPDX-License-Identifier: Apache-2.0
import process from 'node:process';

import { runDaemon } from '@enarx/keepmgr';

import type { EnarxContext } from '../../context.ts';
import { cliProblem } from '../../problems.ts';
import { stateDirectory } from '../../state/directory.ts';
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
  await runDaemon({
    listen: flags.listen,
    configFile: flags.config,
    stateDirectory: flags.state ?? stateDirectory(this.process.env),
    releaseDirectory: release,
    ...(file === undefined || anchorFile === undefined ? {} : { simulator: { file, anchorFile } }),
    sockets: { listen: flags.allowListen ?? [], dial: flags.allowDial ?? [] },
    ...(sevPlatform === undefined || sevAnchor === undefined
      ? {}
      : { sevPlatform: { file: sevPlatform, anchorFile: sevAnchor } }),
    image,
    log: (line) => this.process.stderr.write(line),
    onReady: ({ address, addresses }, { anchorFile: anchor, fingerprint }) => {
      output.result({ event: 'ready', address, pid: process.pid, simulator: { anchor, fingerprint } }, () =>
        [
          `keepmgr listens on ${addresses.join(', ')}`,
          `SIMULATED processor: clients accept its Keeps only with --anchor ${anchor}`,
          `  (a copy of that file; SHA-256 of its key: ${fingerprint})`,
        ].join('\n'),
      );
    },
  });
}
