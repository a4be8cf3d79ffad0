// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { imageFiles } from '@enarx/image/files';
import { cutText, tees, type Platform, type Tee } from '@enarx/protocol';

import { findBackend } from './backends/backends.ts';
import { isMachineKind } from './backends/machine-kinds.ts';
import { hardwareProbes } from './platform/hardware.ts';
import { readProcessorFlags } from './platform/processor.ts';
import type { Probe } from './probe.ts';
import { keepldrProblem } from './problems.ts';

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

/** The same, and for kinds that boot one, whether there is a guest image. */
export function withImage(backends: Platform['backends'], image: string): Platform['backends'] {
  return backends.map((backend) => {
    if (!isMachineKind(backend.tee)) return backend;
    const probe = probeImage(image);
    return { ...backend, usable: backend.usable && probe.pass, probes: [...backend.probes, probe] };
  });
}

/** @throws EnarxError `tee/unsupported`, with all that was looked for and not found */
export function refuseUnusable(backends: Platform['backends'], tee: Tee): void {
  const backend = backends.find((candidate) => candidate.tee === tee);
  if (backend?.usable === true) return;
  const missing = backend?.probes.filter(({ pass }) => !pass).map(({ found }) => found) ?? [];
  throw keepldrProblem('tee/unsupported', { found: [tee, ...missing].join('; ') });
}

function probeImage(image: string): Probe {
  const missing = Object.values(imageFiles).find((name) => !existsSync(join(image, name)));
  if (missing === undefined) return { id: 'image', pass: true, found: cutText(image, 512) };
  return {
    id: 'image',
    pass: false,
    found: cutText(`no ${missing} in ${image}`, 512),
    remedy: 'enarx image build, or start keepmgr with --image DIR',
  };
}
