// SPDX-License-Identifier: Apache-2.0
import { tees, type Platform, type Tee } from '@enarx/protocol';

import type { Probe } from './backends/backend.ts';
import { sim } from './backends/sim/sim.ts';
import { hardwareProbes } from './platform/hardware.ts';
import { readProcessorFlags } from './platform/processor.ts';

/** What this host can do: for each kind of Keep what was looked for, what was found, and how to mend what is missing. */
export async function probePlatform(): Promise<Platform['backends']> {
  const processor = readProcessorFlags();
  return Promise.all(
    tees.map(async (tee) => {
      const probes =
        tee === 'sim' ? await sim.probe() : [...hardwareProbes[tee](processor), unsupported(tee)];
      return { tee, usable: probes.every(({ pass }) => pass), probes: [...probes] };
    }),
  );
}

/** Whatever the machine has, this release has no loader for it, and says so rather than let a create fail. */
function unsupported(tee: Tee): Probe {
  return {
    id: 'backend',
    pass: false,
    found: `this release has no backend for ${tee}`,
    remedy: 'Use a simulated Keep (sim), or a release that has one.',
  };
}
