// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

import { release, type Sandbox } from './sandbox.ts';

export interface Result {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Standard input; empty without it. */
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds after which the test gives up. */
  readonly timeout?: number;
}

export interface Running {
  readonly child: ChildProcess;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** What it has printed so far. */
  text(stream: 'stdout' | 'stderr'): string;
  readonly ended: Promise<Result>;
}

/** Starts the command as a user does, in the sandbox, from the built release. */
export function start({ env }: Sandbox, args: readonly string[], options: RunOptions = {}): Running {
  const child = spawn(process.execPath, [join(release, 'enarx.js'), ...args], {
    env: { ...env, ...options.env },
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text));
  child.stdin.on('error', () => undefined);
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? 60_000);
  const ended = once(child, 'close').then(([status, signal]): Result => {
    clearTimeout(timer);
    return { status: status as number | null, signal: signal as NodeJS.Signals | null, ...texts };
  });
  return {
    child,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    text: (stream) => texts[stream],
    ended,
  };
}

/** Runs the command to its end. */
export function enarx(box: Sandbox, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const running = start(box, args, options);
  running.stdin.end(options.input ?? '');
  return running.ended;
}

/** The lines of JSON that `--json` puts on standard error. */
export function events(stderr: string): Record<string, unknown>[] {
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Code of the error that the command ended with, given `--json`. */
export function errorCode({ stderr }: Result): string | undefined {
  const error = events(stderr).findLast(({ event }) => event === 'error');
  return error?.['code'] as string | undefined;
}

export interface TestHost extends AsyncDisposable {
  readonly url: string;
  readonly anchor: string;
  readonly state: string;
  readonly child: ChildProcess;
  /** What it has logged so far. */
  log(): string;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** A host of its own, `enarx keepmgr`, with the sandbox's simulated processor. @param program - its script, from another release than the built one */
export async function startHost(
  box: Sandbox,
  options: {
    readonly program?: readonly string[];
    readonly state?: string;
    readonly listen?: string;
    /** Configuration file. */
    readonly config?: string;
  } = {},
): Promise<TestHost> {
  const state = options.state ?? box.path(`host-${String(Math.trunc(Math.random() * 1e9))}`);
  const [program = join(release, 'enarx.js'), ...before] = options.program ?? [
    join(release, 'enarx.js'),
    'keepmgr',
    '--json',
  ];
  const child = spawn(
    process.execPath,
    [
      program,
      ...before,
      ...['--listen', options.listen ?? 'http://127.0.0.1:0', '--state', state],
      ...(options.config === undefined ? [] : ['--config', options.config]),
      ...['--simulator', join(box.state, 'simulator.cbor'), '--anchor', join(box.state, 'anchor.pem')],
    ],
    { env: box.env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const [first] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => {
      throw new Error(`the host ended: ${log}`);
    }),
  ])) as [string];
  const ready = JSON.parse(first) as { address: string; simulator: { anchor: string } };
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  return {
    url: ready.address,
    anchor: ready.simulator.anchor,
    state,
    child,
    log: () => log,
    stop,
    [Symbol.asyncDispose]: () => stop(),
  };
}
