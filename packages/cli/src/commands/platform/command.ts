// SPDX-License-Identifier: Apache-2.0
import { buildCommand } from '@stricli/core';

import type { EnarxContext } from '../../context.ts';
import { outputFlags } from '../../context.ts';
import { hostAccessFlags } from '../flags.ts';
import type { PlatformFlags } from './flags.ts';

export const platformCommand = buildCommand<PlatformFlags, [], EnarxContext>({
  loader: async () => (await import('./platform.ts')).showPlatform,
  parameters: {
    flags: {
      host: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'Ask this host, or that of ENARX_HOST, instead of looking at this machine',
        placeholder: 'URL',
      },
      ...hostAccessFlags,
      ...outputFlags,
    },
  },
  docs: {
    brief: 'Say what a machine can do and what it lacks',
    fullDescription: [
      'Say what this machine, or a host, can do: for each kind of Keep what was looked for and found, and how to mend what is missing.',
      'What a host says of itself is proof of nothing; evidence is (see `enarx keep attest`).',
    ].join('\n'),
  },
});
