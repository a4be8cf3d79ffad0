// SPDX-License-Identifier: Apache-2.0
import { buildCommand, buildRouteMap } from '@stricli/core';

import type { EnarxContext } from '../../context.ts';
import { outputFlags } from '../../context.ts';
import { imageFlag } from '../flags.ts';
import type { BuildFlags, ImageFlags } from './flags.ts';

const text = (brief: string, placeholder: string) =>
  ({ kind: 'parsed', parse: String, optional: true, brief, placeholder }) as const;

const build = buildCommand<BuildFlags, [], EnarxContext>({
  loader: async () => (await import('./build.ts')).buildGuestImage,
  parameters: {
    flags: {
      ...imageFlag,
      packages: text('Directory with the .deb files that the lock names; nothing is fetched then', 'DIR'),
      mirror: text("Debian archive to fetch from; without it the one that this machine's apt uses", 'URL'),
      kernel: text(
        'Another kernel than the locked one: launch secrets on hardware ask for EFI_COCO_SECRET',
        'FILE',
      ),
      modules: text('Its modules, a directory that holds kernel/', 'DIR'),
      firmware: text("Another firmware for AMD's kinds than the locked one", 'FILE'),
      tdxFirmware: text('Another firmware for TDX than the locked one', 'FILE'),
      node: text('Node 26 for x86-64 that runs inside; without it the one that runs this command', 'FILE'),
      vcpus: text('Numbers of virtual processors to compute launch digests for; 1,2,4 without it', 'N,N'),
      ...outputFlags,
    },
  },
  docs: {
    brief: 'Build the guest image of virtual machines: the same bytes each time',
    fullDescription: [
      'Build the guest image of virtual machines: kernel, initial file system, firmware, manifest and bill of materials.',
      '',
      'Every package is locked by its digest, and the same inputs give the same bytes wherever and whenever they are built, so that',
      "what a host measures can be compared with one's own build. It needs apt-get, dpkg-deb and xz, and changes nothing of apt's.",
      'No kernel of Debian has EFI_COCO_SECRET: for launch secrets on hardware (--tee sev) give a kernel that has it with --kernel.',
    ].join('\n'),
  },
});

const verify = buildCommand<ImageFlags, [], EnarxContext>({
  loader: async () => (await import('./show.ts')).verifyGuestImage,
  parameters: { flags: { ...imageFlag, ...outputFlags } },
  docs: {
    brief: 'Recompute what the manifest of an image says',
    fullDescription:
      'Recompute what the manifest of an image says: digests of its files and of its launches. Exit status: 0 it is so, 10 it is not.',
  },
});

const show = buildCommand<ImageFlags, [], EnarxContext>({
  loader: async () => (await import('./show.ts')).showGuestImage,
  parameters: { flags: { ...imageFlag, ...outputFlags } },
  docs: { brief: 'Show what is in an image, and what processors will measure of it' },
});

export const imageRoutes = buildRouteMap<string, EnarxContext>({
  routes: { build, verify, show },
  docs: { brief: 'The guest image of virtual machines' },
});
