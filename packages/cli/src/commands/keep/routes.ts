// SPDX-License-Identifier: Apache-2.0
import { buildCommand, buildRouteMap } from '@stricli/core';

import type { EnarxContext } from '../../context.ts';
import { outputFlags } from '../../context.ts';
import { expectationFlags, machineFlags, hostFlags, trustFlags, workloadFlags } from '../flags.ts';
import type { AttestFlags, CreateFlags, KeepFlags, KeepRunFlags, RemoveFlags, RenewFlags } from './flags.ts';

const keepFlags = { ...hostFlags, ...outputFlags } as const;
const verbose = {
  kind: 'boolean',
  default: false,
  withNegated: false,
  brief: 'Print every step and check, with a time each, on standard error',
} as const;
const keepId = {
  kind: 'tuple',
  parameters: [{ parse: String, brief: 'Id of the Keep, as `enarx keep ls` shows it', placeholder: 'ID' }],
} as const;

const create = buildCommand<CreateFlags, [], EnarxContext>({
  loader: async () => (await import('./create.ts')).createKeep,
  parameters: {
    flags: {
      tee: { kind: 'parsed', parse: String, default: 'sim', brief: 'Kind of Keep', placeholder: 'KIND' },
      lease: {
        kind: 'parsed',
        parse: String,
        optional: true,
        brief: 'How long it may be before the host stops it, unless it is renewed: 30m, 2h',
        placeholder: 'TIME',
      },
      ...machineFlags,
      anchor: trustFlags.anchor,
      endorsements: trustFlags.endorsements,
      ...keepFlags,
    },
  },
  docs: {
    brief: 'Have the host create a Keep, and print its id',
    fullDescription:
      'Have the host create a Keep, and print its id. A key of your own for this Keep is made and kept in your state\n' +
      'directory (mode 0600): whoever delivers to the Keep first owns it, and only that key may come back to it.\n' +
      'Kinds with a launch secret (sev, sev-es, sim-sev) are launched and verified now, with --anchor where the platform is simulated;\n' +
      'what was sealed is kept in your state directory, and only from there `keep run`, `keep attach` and `keep attest` know that Keep again.',
  },
});

const ls = buildCommand<KeepFlags, [], EnarxContext>({
  loader: async () => (await import('./show.ts')).listKeeps,
  parameters: { flags: keepFlags },
  docs: { brief: 'List the Keeps of the host' },
});

const show = buildCommand<KeepFlags, [string], EnarxContext>({
  loader: async () => (await import('./show.ts')).showKeep,
  parameters: { flags: keepFlags, positional: keepId },
  docs: { brief: 'Show what the host says of a Keep' },
});

const logs = buildCommand<KeepFlags, [string], EnarxContext>({
  loader: async () => (await import('./show.ts')).showLog,
  parameters: { flags: keepFlags, positional: keepId },
  docs: {
    brief: "Show the host's events of a Keep",
    fullDescription:
      "Show the host's events of a Keep. What its program prints is never among them: the host does not know it.",
  },
});

const attest = buildCommand<AttestFlags, [string], EnarxContext>({
  loader: async () => (await import('./attest.ts')).attestKeep,
  parameters: {
    flags: { ...trustFlags, ...expectationFlags, verbose, ...keepFlags },
    aliases: { v: 'verbose' },
    positional: keepId,
  },
  docs: {
    brief: 'Verify a Keep, running or not, with a fresh nonce',
    fullDescription:
      'Verify a Keep, running or not, with a fresh nonce on a new connection, and print the verdict with its checks.\n' +
      'One with a launch secret only its owner can verify, by the key that was sealed for it.\n' +
      'Exit status: 0 accepted, 10 rejected.',
  },
});

const evidence = buildCommand<KeepFlags, [string, string], EnarxContext>({
  loader: async () => (await import('./evidence.ts')).writeEvidence,
  parameters: {
    flags: keepFlags,
    positional: {
      kind: 'tuple',
      parameters: [
        ...keepId.parameters,
        { parse: String, brief: 'File to write, which must not exist', placeholder: 'FILE' },
      ],
    },
  },
  docs: {
    brief: 'Write the evidence of a Keep to a file, to read it or to make a policy of it',
    fullDescription:
      'Write the evidence of a Keep to a file, with a fresh nonce, and judge nothing: it says what a host claims until\n' +
      '`enarx evidence verify` has verified it. `enarx policy init` makes a policy of it.',
  },
});

const run = buildCommand<KeepRunFlags, string[], EnarxContext>({
  loader: async () => (await import('./run.ts')).runInKeep,
  parameters: {
    flags: {
      ...trustFlags,
      ...expectationFlags,
      ...workloadFlags,
      detach: {
        kind: 'boolean',
        default: false,
        withNegated: false,
        brief: 'Leave the program running when this command ends; `enarx keep attach` hears it again',
      },
      verbose,
      ...keepFlags,
    },
    aliases: { v: 'verbose' },
    positional: {
      kind: 'array',
      minimum: 2,
      parameter: { parse: String, brief: 'Id of the Keep, the program, its arguments', placeholder: 'ID' },
    },
  },
  docs: {
    brief: 'Deliver a program to a Keep that was created before',
    customUsage: ['ID prog.wasm', 'ID prog.wasm -- --its own arguments'],
    fullDescription:
      'Deliver a program to a Keep that was created before. A Keep takes one program, once.\n' +
      'Streams and exit status are as with `enarx run`.\n' +
      'What a program with --detach prints in the moment in which this command leaves can be lost. What it prints later is kept\n' +
      'for whoever attaches: with nobody there it goes on until about 256 KB of\n' +
      'its output are not taken, and waits then. It counts as running until its output was taken.',
  },
});

const attach = buildCommand<AttestFlags, [string], EnarxContext>({
  loader: async () => (await import('./attach.ts')).attachToKeep,
  parameters: {
    flags: { ...trustFlags, ...expectationFlags, verbose, ...keepFlags },
    aliases: { v: 'verbose' },
    positional: keepId,
  },
  docs: {
    brief: 'Hear a program again that `keep run --detach` left running',
    fullDescription:
      'Hear a program again that `keep run --detach` left running: verifies its Keep, and only for the owner, whose key is\n' +
      'where `keep create` kept it. Standard input, output and error are those of the program from then on; what it printed\n' +
      'before comes first. Exit status as with `enarx run`. The program goes on when this command is interrupted.',
  },
});

const stop = buildCommand<KeepFlags, [string], EnarxContext>({
  loader: async () => (await import('./stop.ts')).stopKeep,
  parameters: { flags: keepFlags, positional: keepId },
  docs: { brief: 'Have the host end a Keep' },
});

const renew = buildCommand<RenewFlags, [string], EnarxContext>({
  loader: async () => (await import('./stop.ts')).renewKeep,
  parameters: {
    flags: {
      lease: { kind: 'parsed', parse: String, brief: 'How long from now: 30m, 2h', placeholder: 'TIME' },
      ...keepFlags,
    },
    positional: keepId,
  },
  docs: { brief: 'Have the host grant a Keep a lease from now on' },
});

const rm = buildCommand<RemoveFlags, string[], EnarxContext>({
  loader: async () => (await import('./stop.ts')).removeKeeps,
  parameters: {
    flags: {
      all: { kind: 'boolean', default: false, withNegated: false, brief: 'All Keeps of the host' },
      ...keepFlags,
    },
    positional: {
      kind: 'array',
      parameter: { parse: String, brief: 'Ids of the Keeps', placeholder: 'ID' },
    },
  },
  docs: { brief: 'Have the host end Keeps and forget them', customUsage: ['ID…', '--all'] },
});

export const keepRoutes = buildRouteMap<string, EnarxContext>({
  routes: { create, ls, show, attest, evidence, run, attach, logs, renew, stop, rm },
  docs: { brief: 'Keeps on a host, one step at a time' },
});
