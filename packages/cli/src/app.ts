// SPDX-License-Identifier: Apache-2.0
import process from 'node:process';

import {
  buildApplication,
  buildRouteMap,
  FlagNotFoundError,
  help,
  text_en,
  version,
  type Application,
} from '@stricli/core';

import { EnarxError, type ProblemKind } from '@enarx/protocol';

import { configRoutes } from './commands/config/routes.ts';
import { evidenceRoutes } from './commands/evidence/routes.ts';
import { hostRoutes } from './commands/host/routes.ts';
import { imageRoutes } from './commands/image/routes.ts';
import { keepRoutes } from './commands/keep/routes.ts';
import { keepmgrCommand } from './commands/keepmgr/command.ts';
import { measureRoutes } from './commands/measure/routes.ts';
import { platformCommand } from './commands/platform/command.ts';
import { policyRoutes } from './commands/policy/routes.ts';
import { runCommand } from './commands/run/command.ts';
import type { EnarxContext } from './context.ts';
import { exitStatus, runExitStatus, type StatusTable } from './exit-status.ts';
import type { Output } from './output.ts';
import { cliProblem } from './problems.ts';

const formatting = {
  useAliasInUsageLine: false,
  onlyRequiredInUsageLine: false,
  caseStyle: 'convert-camel-to-kebab',
} as const;

/** All commands. What a command does is loaded only when it is called. */
export const routes = buildRouteMap<string, EnarxContext>({
  routes: {
    run: runCommand,
    keepmgr: keepmgrCommand,
    keep: keepRoutes,
    host: hostRoutes,
    platform: platformCommand,
    config: configRoutes,
    evidence: evidenceRoutes,
    policy: policyRoutes,
    measure: measureRoutes,
    image: imageRoutes,
  },
  docs: {
    brief: 'Run WebAssembly programs on machines that you do not trust',
    fullDescription: [
      'Run WebAssembly programs on machines that you do not trust.',
      '',
      'Your client checks that the Keep on the other machine is a genuine TEE running the loader of this release,',
      'and only then sends the program. Begin with:  enarx run examples/hello/hello.wasm',
      '',
      'Exit status: 0 accepted, 10 rejected, 20 unsupported, 30 malformed, 64 usage, 69 host unavailable, 70 internal;',
      "`run`, `keep run` and `keep attach` end with the program's own, see `enarx run --help`.",
    ].join('\n'),
  },
});

/** What differs between two calls of the command. */
export interface Invocation {
  readonly output: Output;
  readonly release: () => Promise<string>;
}

/** @returns the application, and the status for an error of the command that it came to */
export function enarxApplication({ output, release }: Invocation): {
  readonly application: Application<EnarxContext>;
  /** Called with the route of the command before the command is. */
  readonly onRoute: (prefix: readonly string[]) => void;
  /** The status of the command that was called for a kind of problem. */
  readonly statusOfKind: (kind: ProblemKind) => number;
} {
  let statuses: StatusTable = exitStatus;
  const describe = (thrown: unknown): string => output.describe(asEnarxError(thrown));
  const usage = (message: string): string => describe(cliProblem('cli/usage', { found: message }));
  const application = buildApplication<EnarxContext>(
    routes,
    {
      name: 'enarx',
      scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
      // Their colours would go around ours; and what is written into a file has none.
      documentation: { ...formatting, disableAnsiColor: true },
      localization: {
        text: {
          ...text_en,
          noCommandRegisteredForInput: (problem) => usage(text_en.noCommandRegisteredForInput(problem)),
          exceptionWhileParsingArguments: (thrown, coloured) =>
            thrown instanceof EnarxError
              ? describe(thrown)
              : isProgramsOwn(thrown)
                ? usage(`--${thrown.input} behind the program; put \`--\` before the program's own arguments`)
                : usage(text_en.exceptionWhileParsingArguments.call({}, thrown, coloured)),
          exceptionWhileLoadingCommandFunction: describe,
          exceptionWhileLoadingCommandContext: describe,
          exceptionWhileRunningCommand: describe,
          commandErrorResult: describe,
        },
      },
      determineExitCode: (thrown) => statuses[asEnarxError(thrown).kind],
    },
    {
      help: help({
        brief: 'Print help and exit',
        alias: 'h',
        defaultForRouteMap: true,
        formatting,
      }),
      version: version({
        brief: 'Print the version and exit',
        alias: false,
        info: { getCurrentVersion: release },
      }),
    },
  );
  const onRoute = (prefix: readonly string[]): void => {
    const command = prefix.at(-1);
    if (command === 'run' || command === 'attach') statuses = runExitStatus;
  };
  return { application, onRoute, statusOfKind: (kind) => statuses[kind] };
}

/** Whether a flag that no command has stands behind a program, and was most likely meant for it. */
function isProgramsOwn(thrown: unknown): thrown is FlagNotFoundError {
  if (!(thrown instanceof FlagNotFoundError)) return false;
  const inputs = process.argv.slice(2);
  const at = inputs.findIndex((input) => input.split('=', 1)[0] === `--${thrown.input}`);
  return inputs.slice(0, Math.max(0, at)).some((input) => input.endsWith('.wasm'));
}

/** Whatever was thrown, as an error with a code. */
export function asEnarxError(thrown: unknown): EnarxError {
  if (thrown instanceof EnarxError) {
    const known = thrown as EnarxError;
    // What fails is this machine, not the host that the client's kind speaks of.
    return known.code === 'client/output-failed'
      ? cliProblem('cli/output-failed', { found: known.found ?? known.message, cause: known })
      : known;
  }
  const { message, stack = '' } = thrown instanceof Error ? thrown : new Error(String(thrown));
  const where = /^ {4}at (.*)$/m.exec(stack)?.[1];
  return cliProblem('cli/internal', {
    found: where === undefined ? message : `${message}, at ${where}`,
    cause: thrown,
  });
}
