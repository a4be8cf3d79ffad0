// SPDX-License-Identifier: Apache-2.0
import { basename } from 'node:path';

import type { PackageSource } from '@enarx/client';
import type { File, Limits, Optimization } from '@enarx/protocol';

import type { WorkloadFlags } from '../commands/flags.ts';
import { missingStreams } from '../config/missing-streams.ts';
import { parseDuration, parseSize } from '../config/quantity.ts';
import type { EnarxConfig } from '../config/schema.ts';
import { cliProblem } from '../problems.ts';
import type { NamedFile } from './program-files.ts';

/** Where a component that answers HTTP requests listens when nobody says. */
const defaultListener = '8443';

/** What a program is given, from the configuration and the command line together. */
export interface WorkloadPlan {
  /** argv, the program's own name first. */
  readonly args: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly limits: Limits;
  readonly optimize: Optimization | undefined;
  /** Standard input, output and error where it is left out. */
  readonly files: readonly File[] | undefined;
  /** By the number of the descriptor. */
  readonly names: readonly string[];
  readonly package: PackageSource | undefined;
  /** What the caller is told of the list of descriptors. */
  readonly hint: string | undefined;
}

/**
 * Puts both together: arguments of the command line come after those of the configuration; everything else of the command line
 * stands over it.
 *
 * @param answersRequests - whether the program is a component that answers HTTP requests, and gets a listener where it is given none
 * @throws EnarxError `cli/usage`, `cli/file-unreadable`, `config/invalid`
 */
export async function planWorkload(
  flags: WorkloadFlags,
  module: string,
  args: readonly string[],
  answersRequests = false,
): Promise<WorkloadPlan> {
  const config = flags.config === undefined ? undefined : await configOf(flags.config);
  const env = new Map(Object.entries(config?.env ?? {}));
  for (const variable of flags.env ?? []) {
    const at = variable.indexOf('=');
    if (at < 1) throw cliProblem('cli/usage', { found: `--env ${variable}`, expected: 'NAME=VALUE' });
    env.set(variable.slice(0, at), variable.slice(at + 1));
  }
  const named = await namedFiles(config, flags, answersRequests);
  if (config?.files !== undefined && named !== undefined) {
    // As the original Enarx tells a program about its descriptors.
    env.set('FD_COUNT', String(named.length));
    env.set('FD_NAMES', named.map(({ name }) => name).join(':'));
  }
  const memory = quantity('--max-memory', flags.maxMemory, parseSize, 'a size like 64MiB');
  const wall = quantity('--timeout', flags.timeout, parseDuration, 'a time like 30s');
  return {
    args: [flags.argv0 ?? basename(module), ...(config?.args ?? []), ...args],
    env: [...env],
    limits: {
      ...config?.limits,
      ...(memory === undefined ? {} : { memory }),
      ...(wall === undefined ? {} : { wall }),
    },
    optimize: config?.optimize,
    files: named?.map(({ file }) => file),
    names: named?.map(({ name }) => name) ?? [],
    hint: missingStreams(config?.files),
    package: named === undefined ? undefined : await (await import('./program-files.ts')).packageOf(named),
  };
}

/** Most runs have neither, and then nothing of it is loaded. */
async function namedFiles(
  config: EnarxConfig | undefined,
  flags: WorkloadFlags,
  answersRequests: boolean,
): Promise<readonly NamedFile[] | undefined> {
  const { dir = [], listen = [] } = flags;
  const listens = listen.length > 0 || config?.files?.some(({ kind }) => kind === 'listen') === true;
  const listeners = answersRequests && !listens ? [defaultListener] : listen;
  if (config?.files === undefined && dir.length === 0 && listeners.length === 0) return undefined;
  const { programFiles } = await import('./program-files.ts');
  return programFiles(config?.files, flags.config, { directories: dir, listeners });
}

/** Most runs have no configuration, and then neither parser nor schema is loaded. */
async function configOf(file: string): Promise<EnarxConfig> {
  const { readConfig } = await import('../config/load.ts');
  return readConfig(file);
}

function quantity(
  flag: string,
  text: string | undefined,
  parse: (text: string) => number | undefined,
  expected: string,
): number | undefined {
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined) throw cliProblem('cli/usage', { found: `${flag} ${text}`, expected });
  return value;
}
