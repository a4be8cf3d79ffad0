// SPDX-License-Identifier: Apache-2.0
//
// The command enarx. Nothing is loaded here but what every command needs; each command loads the rest itself.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import { ExitCode, run } from '@stricli/core';

import { enarxApplication } from './app.ts';
import type { EnarxProcess } from './context.ts';
import { exitStatus } from './exit-status.ts';
import { Output } from './output.ts';
import { cliProblem } from './problems.ts';
import { StandardStream } from './standard-stream.ts';

const inputs = process.argv.slice(2);
const release = releaseDirectory();

/** `help COMMAND` is what many commands call `COMMAND --help`. */
function withHelpFlag([first, ...others]: readonly string[]): readonly string[] {
  return first === 'help' ? [...others, '--help'] : inputs;
}

/** What follows `--` is the program's, `--json` included. */
function wantsJson(): boolean {
  const end = inputs.indexOf('--');
  return inputs.slice(0, end === -1 ? undefined : end).includes('--json');
}

/** The bundle lies in the release directory; the sources, which only tests and tools run, lie beside it. */
function releaseDirectory(): string {
  const beside = join(import.meta.dirname, '..', 'release');
  return existsSync(join(import.meta.dirname, 'release.json')) ? import.meta.dirname : beside;
}

async function versionOfRelease(): Promise<string> {
  const manifest = JSON.parse(await readFile(join(release, 'release.json'), 'utf8')) as { release: string };
  return manifest.release;
}

/** Milliseconds that a program is given to come to its own end when nobody reads its output any more. */
const graceWithoutReader = 1000;
const unread = new AbortController();
const stdout = new StandardStream(process.stdout, () => {
  setTimeout(() => {
    unread.abort();
  }, graceWithoutReader).unref();
});

const stderr = new StandardStream(process.stderr);

const ownProcess: EnarxProcess = {
  // Opened when it is read, by the commands that do.
  get stdin() {
    return process.stdin;
  },
  stdout,
  stderr,
  env: process.env,
  unread: unread.signal,
};
const output = new Output(ownProcess, wantsJson());
const { application, onRoute, statusOfKind } = enarxApplication({ output, release: versionOfRelease });

await run(application, withHelpFlag(inputs), {
  process: ownProcess,
  forCommand: ({ prefix }) => {
    onRoute(prefix);
    return { process: ownProcess, output, release, now: Date.now };
  },
});
process.exitCode = statusOf(ownProcess.exitCode);
const failure = await stdout.failure();
if (failure !== undefined && process.exitCode !== statusOfKind('internal')) {
  const problem = cliProblem('cli/output-failed', { found: `stdout: ${failure.message}`, cause: failure });
  ownProcess.stderr.write(`${output.describe(problem)}\n`);
  process.exitCode = statusOfKind('internal');
}
await stderr.failure();
// Nothing is left to do; taking the heap apart first would take milliseconds for nobody's good.
process.exit();

/** The parser of the command line has negative codes of its own. */
function statusOf(code: number | undefined): number {
  if (code === ExitCode.UnknownCommand || code === ExitCode.InvalidArgument) return exitStatus.usage;
  return code === undefined || code < 0 ? exitStatus.internal : code;
}
