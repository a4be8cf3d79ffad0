// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import { keepldrProblem } from '../../problems.ts';
import type { Backend, LaunchOptions } from '../backend.ts';
import { Provisioning } from '../launch-secret/provisioning.ts';
import { SimulatedFirmware } from '../launch-secret/simulated.ts';
import { readSimLoader } from './loader.ts';
import { confinementFor, launchProcess, probe, type ProcessSupport } from './sim.ts';

/** A process in the place of a SEV guest, and software in the place of its firmware: the launch secret's whole flow, without a machine. */
export const simSev: Backend = {
  tee: 'sim-sev',
  probe,
  launch: async (options) => launchProcess(await confinementFor(options), options, () => supportFor(options)),
};

function supportFor({ release, sevPlatform }: LaunchOptions): ProcessSupport {
  if (sevPlatform === undefined) throw keepldrProblem('keepldr/sev-platform-missing');
  const firmware = new SimulatedFirmware(sevPlatform, async () => {
    const { pages } = await readSimLoader(release);
    // As it is measured by `loaderSevMeasurement`: its pages, and no firmware before them.
    return { data: [pages], registers: [] };
  });
  const provisioning = new Provisioning(firmware);
  return {
    tee: 'sim-sev',
    ready: provisioning.finished,
    secret: firmware.injected,
    report: noEvidence,
    provision: (connection: Duplex) => {
      provisioning.serve(connection);
    },
  };
}

/** What proves such a Keep is that it has the key. */
export function noEvidence(): Promise<never> {
  return Promise.reject(
    keepldrProblem('keepldr/report-failed', { found: 'a kind of Keep whose proof is its launch secret' }),
  );
}
