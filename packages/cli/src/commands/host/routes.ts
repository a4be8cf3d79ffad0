// SPDX-License-Identifier: Apache-2.0
import { buildCommand, buildRouteMap } from '@stricli/core';

import type { EnarxContext } from '../../context.ts';
import { outputFlags } from '../../context.ts';
import { hostFlags } from '../flags.ts';
import type { HostCommandFlags, SupportBundleFlags } from './flags.ts';

const flags = { ...hostFlags, ...outputFlags } as const;

const show = buildCommand<HostCommandFlags, [], EnarxContext>({
  loader: async () => (await import('./host.ts')).showHost,
  parameters: { flags },
  docs: { brief: 'Show what the host says of itself' },
});

const cordon = buildCommand<HostCommandFlags, [], EnarxContext>({
  loader: async () => (await import('./host.ts')).cordonHost,
  parameters: { flags },
  docs: {
    brief: 'Have the host take no new Keeps',
    fullDescription:
      'Have the host take no new Keeps, also after a restart. Those that it has go on. For operators of the host.',
  },
});

const uncordon = buildCommand<HostCommandFlags, [], EnarxContext>({
  loader: async () => (await import('./host.ts')).uncordonHost,
  parameters: { flags },
  docs: { brief: 'Have the host take new Keeps again, for its operators' },
});

const drain = buildCommand<HostCommandFlags, [], EnarxContext>({
  loader: async () => (await import('./host.ts')).drainHost,
  parameters: { flags },
  docs: {
    brief: 'Have the host take no new Keeps and stop all that it has',
    fullDescription:
      'Have the host take no new Keeps and stop all that it has. Returns when nothing runs there any more. For operators of the host.',
  },
});

const supportBundle = buildCommand<SupportBundleFlags, [], EnarxContext>({
  loader: async () => (await import('./support-bundle.ts')).saveSupportBundle,
  parameters: {
    flags: {
      out: {
        kind: 'parsed',
        parse: String,
        brief: 'Where it is written; must not exist yet',
        placeholder: 'FILE',
      },
      ...flags,
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

export const hostRoutes = buildRouteMap<string, EnarxContext>({
  routes: { show, cordon, uncordon, drain, supportBundle },
  docs: { brief: 'A host, for those who run it' },
});
