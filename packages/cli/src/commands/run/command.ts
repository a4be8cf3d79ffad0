// SPDX-License-Identifier: Apache-2.0
import { buildCommand } from '@stricli/core';

import type { EnarxContext } from '../../context.ts';
import { outputFlags } from '../../context.ts';
import { hostAccessFlags, machineFlags, trustFlags, workloadFlags } from '../flags.ts';
import type { RunFlags } from './flags.ts';

export const runCommand = buildCommand<RunFlags, string[], EnarxContext>({
  loader: async () => (await import('./run.ts')).runProgram,
  parameters: {
    flags: {
      host: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief:
          'Host that makes the Keep: http://, https:// or unix:; without it and ENARX_HOST a keepmgr of your own is started and stopped',
        placeholder: 'URL',
      },
      ...hostAccessFlags,
      tee: { kind: 'parsed', parse: String, default: 'sim', brief: 'Kind of Keep', placeholder: 'KIND' },
      ...trustFlags,
      ...machineFlags,
      ...workloadFlags,
      verbose: {
        kind: 'boolean',
        default: false,
        withNegated: false,
        brief: 'Print the ten steps and the checks, with a time each, on standard error',
      },
      ...outputFlags,
    },
    aliases: { v: 'verbose' },
    positional: {
      kind: 'array',
      minimum: 1,
      parameter: { parse: String, brief: 'The program, then its arguments', placeholder: 'prog.wasm' },
    },
  },
  docs: {
    brief: 'Run a program in an attested Keep: all ten steps',
    customUsage: [
      { input: 'prog.wasm', brief: 'on this machine, SIMULATED, with a keepmgr of your own' },
      { input: 'prog.wasm -- --its own arguments', brief: 'what follows -- is for the program' },
      {
        input: '--host URL --anchor anchor.pem prog.wasm',
        brief: 'on a host whose operator gave you its anchor',
      },
    ],
    fullDescription: [
      'Run a program in an attested Keep: all ten steps.',
      '',
      "Standard input, output and error are the program's, and so is the exit status. Nothing of the program leaves this",
      'machine before the Keep is verified. Whatever the command itself has to say goes to standard error.',
      '',
      'Exit status: that of the program (above 255: 255); 134 when it traps, 137 when it passes a limit, 143 when it is stopped;',
      '240 rejected, 241 unsupported, 242 malformed, 243 host unavailable, 244 internal; 64 usage.',
      'Ctrl-C has the Keep removed, and ends with 130 once it is, or is sure to be; a second Ctrl-C ends at once.',
    ].join('\n'),
  },
});
