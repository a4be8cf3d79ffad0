// SPDX-License-Identifier: Apache-2.0
import { buildCommand } from '@stricli/core';

import type { EnarxContext } from '../../context.ts';
import { outputFlags } from '../../context.ts';
import { hostFlags } from '../flags.ts';
import type { SupportBundleFlags } from './flags.ts';

export const supportBundleCommand = buildCommand<SupportBundleFlags, [], EnarxContext>({
  loader: async () => (await import('./support-bundle.ts')).saveSupportBundle,
  parameters: {
    flags: {
      out: {
        kind: 'parsed',
        parse: String,
        brief: 'Where it is written; must not exist yet',
        placeholder: 'FILE',
      },
      ...hostFlags,
      ...outputFlags,
    },
  },
  docs: {
    brief: 'Collect what somebody needs who is to help with a host',
    fullDescription: [
      'Collect what somebody needs who is to help with a host: versions, configuration, what it can do, metrics, states and the last lines of its log, in one JSON file.',
      '',
      'There are no secrets in it, no names of tenants, and nothing of what they run. Read it before you pass it on. Only operators of the host get it.',
      'A host that does not answer is told of as such; what this machine can do is then all there is.',
    ].join('\n'),
  },
});
