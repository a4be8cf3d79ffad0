// SPDX-License-Identifier: Apache-2.0
import { tees, type Platform } from '@enarx/protocol';

import { findBackend } from './backends/backends.ts';
import { hardwareProbes } from './platform/hardware.ts';
import { readProcessorFlags } from './platform/processor.ts';

/** What this host can do: for each kind of Keep what was looked for, what was found, and how to mend what is missing. */
export async function probePlatform(): Promise<Platform['backends']> {
  const processor = readProcessorFlags();
  return Promise.all(
    tees.map(async (tee) => {
      const backend = findBackend(tee);
      const own =
        backend === undefined
          ? [
              {
                id: 'backend',
                pass: false,
                // Whatever the machine has, this release has no loader for it, and says so rather than let a create fail.
                found: `this release has no backend for ${tee}`,
                remedy: 'Use a simulated Keep (sim), or a release that has one.',
              },
            ]
          : await backend.probe();
      const probes = [...hardwareProbes[tee](processor), ...own];
      return { tee, usable: probes.every(({ pass }) => pass), probes };
    }),
  );
}
