// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath, getuid, pid } from 'node:process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import type { EnarxContext } from '../context.ts';
import { cliProblem } from '../problems.ts';
import { makePrivate, stateDirectory } from '../state/directory.ts';

/** A host of one's own, on this machine, for one command. */
export interface OwnHost {
  readonly url: string;
  /** The root certificate of the user's simulated processor. */
  readonly anchorFile: string;
  /** The root key of the user's simulated SEV platform; there when a Keep of a kind that needs it was created. */
  readonly sevAnchorFile: string;
  /** Ends it and all its Keeps. */
  close(): Promise<void>;
}

export interface OwnHostOptions {
  /** What it opens for programs. */
  readonly rules: { readonly listen: readonly string[]; readonly dial: readonly string[] };
  /** Directory of the guest image. */
  readonly image: string;
  /** Calls its start off. */
  readonly signal: AbortSignal;
}

interface ReadyLine {
  readonly event: 'ready';
  readonly address: string;
  readonly simulator: { readonly anchor: string };
}

const prefix = 'enarx-run-';
const socketName = 'api.sock';
const longestSocketPath = 107;
/** How long it may take to end by itself when it is asked to: its Keeps have five seconds. */
const longestEnding = 10_000;

/**
 * Starts a keepmgr that serves nobody else: its socket lies in a directory of its user's, which goes with it. It ends when
 * this process does, however that happens, because its standard input then ends. The simulated processor is the user's:
 * made once, since that takes seconds, and used by all runs.
 *
 * @throws EnarxError `cli/keepmgr-failed`, `cli/state-unusable`, `cli/temporary-unusable`
 */
export async function startOwnKeepmgr(
  { process, output, release }: EnarxContext,
  { rules: { listen, dial }, image, signal }: OwnHostOptions,
): Promise<OwnHost> {
  const state = stateDirectory(process.env);
  const simulator = join(state, 'simulator.cbor');
  const anchor = join(state, 'anchor.pem');
  const [sevPlatform, sevAnchor] = [join(state, 'sev-platform.cbor'), join(state, 'sev-anchor.pem')];
  const [directory] = await Promise.all([makeTemporary(), makePrivate(state)]);
  if (!existsSync(simulator))
    output.event(
      'making-simulated-processor',
      { file: simulator },
      'Making the simulated processor of this machine (RSA keys of 4096 bits as AMD has: seconds, once) …',
    );
  const child = spawn(
    execPath,
    [
      join(release, 'keepmgr.js'),
      ...['--listen', `unix:${join(directory, socketName)}`],
      ...['--state', directory],
      ...['--simulator', simulator, '--anchor', anchor],
      ...listen.flatMap((rule) => ['--allow-listen', rule]),
      ...dial.flatMap((rule) => ['--allow-dial', rule]),
      ...['--sev-platform', sevPlatform, '--sev-anchor', sevAnchor],
      ...['--image', image],
      '--until-stdin-ends',
    ],
    // A session of its own: the terminal's Ctrl-C is for this command, which then ends its Keep in order.
    { detached: true, env: {}, stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const close = async (): Promise<void> => {
    await end(child);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const ready = await Promise.race([readyLine(child), aborted(signal)]);
    return { url: ready.address, anchorFile: ready.simulator.anchor, sevAnchorFile: sevAnchor, close };
  } catch (error) {
    // Of one that was not ready nobody has asked anything, so there is nothing to end in order.
    child.kill('SIGKILL');
    await close();
    throw error;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const giveUp = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
}

/**
 * Where its socket lies, which is why the path cannot be a long one (sun_path, unix(7)).
 * @throws EnarxError `cli/temporary-unusable`
 */
async function makeTemporary(): Promise<string> {
  const begin = join(tmpdir(), `${prefix}${String(pid)}-`);
  const excess = Buffer.byteLength(join(`${begin}123456`, socketName)) - longestSocketPath;
  if (excess > 0)
    throw cliProblem('cli/temporary-unusable', {
      found: tmpdir(),
      expected: `a path of at most ${String(Buffer.byteLength(tmpdir()) - excess)} bytes`,
    });
  try {
    return await mkdtemp(begin);
  } catch (cause) {
    throw cliProblem('cli/temporary-unusable', { found: (cause as Error).message, cause });
  }
}

/** Its first line says that it is ready. What it logs is read and dropped, lest it wait for a reader. */
async function readyLine(child: ChildProcess): Promise<ReadyLine> {
  let lastWords = '';
  (child.stderr as Readable).setEncoding('utf8').on('data', (text: string) => {
    lastWords = `${lastWords}${text}`.slice(-2000);
  });
  const lines = createInterface({ input: child.stdout as Readable });
  const gone = new Promise<never>((_, reject) => {
    const failed = (how: string) => (): void => {
      reject(cliProblem('cli/keepmgr-failed', { found: detailIn(lastWords) ?? how }));
    };
    child.once('error', (error) => {
      failed(error.message)();
    });
    child.once('close', failed('it ended without a word'));
  });
  const [line] = (await Promise.race([once(lines, 'line'), gone])) as [string];
  lines.close();
  gone.catch(() => undefined);
  (child.stdout as Readable).resume();
  return JSON.parse(line) as ReadyLine;
}

/** Its last event, where it says why it failed. */
function detailIn(log: string): string | undefined {
  const failed = log
    .split('\n')
    .filter((line) => line.includes('"event":"failed"'))
    .at(-1);
  return failed === undefined ? undefined : (JSON.parse(failed) as { detail?: string }).detail;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.stdin?.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), longestEnding);
  await ended;
  clearTimeout(timer);
}

/** Removes what runs of this user's that were killed have left. */
export async function sweepLeftovers(): Promise<void> {
  const names = await readdir(tmpdir());
  await Promise.all(
    names.map(async (name) => {
      const owner = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
      if (owner === undefined || existsSync(`/proc/${owner}`)) return;
      const path = join(tmpdir(), name);
      if ((await stat(path)).uid === getuid?.()) await rm(path, { recursive: true, force: true });
    }),
  ).catch(() => undefined);
}
