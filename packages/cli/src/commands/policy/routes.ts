// SPDX-License-Identifier: Apache-2.0
import { buildCommand, buildRouteMap } from '@stricli/core';

import type { EnarxContext, OutputFlags } from '../../context.ts';
import { outputFlags } from '../../context.ts';
import { evidenceFlags, type EvidenceFlags } from '../evidence/flags.ts';

const init = buildCommand<EvidenceFlags & OutputFlags, [string?], EnarxContext>({
  loader: async () => (await import('./init.ts')).initPolicy,
  parameters: {
    flags: { ...evidenceFlags, ...outputFlags },
    positional: {
      kind: 'tuple',
      parameters: [
        { parse: String, optional: true, brief: 'File to write, which must not exist', placeholder: 'FILE' },
      ],
    },
  },
  docs: {
    brief: 'Write a commented policy from evidence, or print it',
    fullDescription: [
      'Write a commented policy from evidence, or print it. The evidence is verified first; the policy accepts it and the like of it.',
      'Read it before you use it: each WARNING is about something that a careful reader would not want.',
    ].join('\n'),
  },
});

const check = buildCommand<OutputFlags, [string], EnarxContext>({
  loader: async () => (await import('./check.ts')).checkPolicy,
  parameters: {
    flags: outputFlags,
    positional: {
      kind: 'tuple',
      parameters: [{ parse: String, brief: 'The policy', placeholder: 'FILE' }],
    },
  },
  docs: { brief: 'Say whether a policy can be used, and what each line of it accepts' },
});

export const policyRoutes = buildRouteMap<string, EnarxContext>({
  routes: { init, check },
  docs: { brief: 'Policies: what is wanted of evidence' },
});
