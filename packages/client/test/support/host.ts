// SPDX-License-Identifier: Apache-2.0
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { anchorFromPem, releasePolicy, vendorAnchors } from '@enarx/attestation';
import { connect, type Host, type Step, type Tap, type Trust } from '@enarx/client';
import { measureSimLoader } from '@enarx/keepldr';
import { startKeepmgr, type Keepmgr, type KeepmgrOptions } from '@enarx/keepmgr';

import { sharedProcessor } from '../../../../test/support/simulated-processor.ts';
import { builtRelease } from './release.ts';

export interface TestHost extends AsyncDisposable {
  readonly host: Host;
  readonly keepmgr: Keepmgr;
  readonly trust: Trust;
  readonly steps: Step[];
}

/** A real keepmgr in this process, whose Keeps are real processes, and a client of it that trusts its simulated processor. */
export async function startTestHost(
  options: {
    readonly tap?: Tap;
    /** Sockets that the host opens for programs. */
    readonly sockets?: KeepmgrOptions['sockets'];
    /** Directory of another release than that of the sources. */
    readonly release?: string;
  } = {},
): Promise<TestHost> {
  const state = mkdtempSync(join(tmpdir(), 'enarx-state-'));
  const { file, anchorFile } = await sharedProcessor();
  copyFileSync(file, join(state, 'simulator.cbor'));
  copyFileSync(anchorFile, join(state, 'anchor.pem'));
  const releaseDirectory = options.release ?? (await builtRelease());
  const keepmgr = await startKeepmgr({
    listen: 'http://127.0.0.1:0',
    stateDirectory: state,
    releaseDirectory,
    sockets: options.sockets,
    log: () => undefined,
  });
  const steps: Step[] = [];
  const host = connect({ url: keepmgr.address, tap: options.tap, onStep: (step) => steps.push(step) });
  return {
    host,
    keepmgr,
    steps,
    trust: {
      anchors: [...vendorAnchors, await anchorFromPem(readFileSync(anchorFile))],
      policy: releasePolicy({ measurements: [await measureSimLoader(releaseDirectory)] }),
      at: Date.now(),
    },
    [Symbol.asyncDispose]: async () => {
      host.close();
      await keepmgr.close();
      rmSync(state, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
