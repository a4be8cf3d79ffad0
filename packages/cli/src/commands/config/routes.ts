// SPDX-License-Identifier: Apache-2.0
import { buildCommand, buildRouteMap } from '@stricli/core';

import type { EnarxContext, OutputFlags } from '../../context.ts';
import { outputFlags } from '../../context.ts';

const init = buildCommand<OutputFlags, [string?], EnarxContext>({
  loader: async () => (await import('./config.ts')).initConfig,
  parameters: {
    flags: outputFlags,
    positional: {
      kind: 'tuple',
      parameters: [
        { parse: String, optional: true, brief: 'File to write, which must not exist', placeholder: 'FILE' },
      ],
    },
  },
  docs: { brief: 'Write an Enarx.toml that explains every key, or print it' },
});

const check = buildCommand<OutputFlags, [string], EnarxContext>({
  loader: async () => (await import('./config.ts')).checkConfig,
  parameters: {
    flags: outputFlags,
    positional: {
      kind: 'tuple',
      parameters: [{ parse: String, brief: 'The Enarx.toml', placeholder: 'FILE' }],
    },
  },
  docs: { brief: 'Say whether an Enarx.toml is valid, and what it comes to' },
});

export const configRoutes = buildRouteMap<string, EnarxContext>({
  routes: { init, check },
  docs: { brief: 'The configuration of a program: Enarx.toml' },
});
