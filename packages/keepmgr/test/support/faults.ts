// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { releaseWithStandIn } from '../../../keepldr/test/support/release.ts';
import { Client } from './client.ts';

/** In the order of the structure in faults.c. */
const fields = [
  'writeError',
  'syncError',
  'readError',
  'clockOffset',
  'commits',
  'stopAt',
  'stopWhere',
  'waiting',
  'goOn',
] as const;
type Field = (typeof fields)[number];

/** Before a commit, in its middle, behind it, and behind its sync where it has one. */
export const places = { before: 0, torn: 1, written: 2, synced: 3 } as const;

let library: string | undefined;

/** Why there are no faults here, or `undefined`. */
export function faultsMissing(): string | undefined {
  if (spawnSync('cc', ['--version']).status !== 0) return 'needs a C compiler (cc)';
  library ??= compiled();
  return library === '' ? 'the C compiler of this machine makes nothing that can be preloaded' : undefined;
}

function compiled(): string {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-faults-'));
  process.once('exit', () => {
    rmSync(directory, { recursive: true, force: true });
  });
  const output = join(directory, 'faults.so');
  const source = join(import.meta.dirname, 'faults.c');
  const made = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', output, source, '-ldl']);
  return made.status === 0 ? output : '';
}

/** What goes wrong for one daemon, changed while it runs. */
export class Faults implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'enarx-control-'));
  readonly #descriptor: number;
  readonly env: Readonly<Record<string, string>>;

  /** @param below - directory whose files are concerned */
  constructor(below: string) {
    const file = join(this.#directory, 'control');
    writeFileSync(file, new Uint8Array(fields.length * 8));
    this.#descriptor = openSync(file, 'r+');
    this.env = { LD_PRELOAD: library ?? '', ENARX_FAULTS: file, ENARX_FAULTS_BELOW: below };
  }

  set(field: Field, value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    writeSync(this.#descriptor, bytes, 0, 8, fields.indexOf(field) * 8);
  }

  get(field: Field): number {
    const bytes = Buffer.alloc(8);
    readSync(this.#descriptor, bytes, 0, 8, fields.indexOf(field) * 8);
    return Number(bytes.readBigInt64LE());
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

export interface FaultyDaemon extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly client: Client;
  /** Everything that it has logged, and its events as objects. */
  log(): string;
  events(): Record<string, unknown>[];
  /** Resolves with its status or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export interface FaultyOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A command that comes before the daemon's own, such as one that gives it other mounts. */
  readonly through?: readonly string[];
  readonly arguments?: readonly string[];
  readonly listen?: string;
  /** Directory of another release. */
  readonly release?: string | undefined;
}

/** A daemon as a process of its own. @throws Error with its log when it ends before it is ready */
export async function startFaulty(state: string, options: FaultyOptions = {}): Promise<FaultyDaemon> {
  const daemon = await spawnFaulty(state, options);
  const line = await Promise.race([
    once(createInterface({ input: daemon.process.stdout as NodeJS.ReadableStream }), 'line').then(
      ([first]) => first as string,
    ),
    daemon.ended.then((how) => {
      throw new Error(`it ended (${String(how)}): ${daemon.log()}`);
    }),
  ]);
  const { address } = JSON.parse(line) as { address: string };
  return { ...daemon, client: new Client(address) };
}

/** The same, not waited for. */
export async function spawnFaulty(
  state: string,
  {
    env = {},
    through = [],
    arguments: more = [],
    listen = 'http://127.0.0.1:0',
    release,
  }: FaultyOptions = {},
): Promise<Omit<FaultyDaemon, 'client'>> {
  const program = join(release ?? (await releaseWithStandIn()), 'keepmgr.js');
  const command = [process.execPath, program, '--listen', listen, '--state', state, ...more];
  const [executable = '', ...words] = [...through, ...command];
  const child = spawn(executable, words, { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  process.once('exit', () => child.kill('SIGKILL'));
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = once(child, 'close').then(
    ([status, signal]) => (signal ?? status) as number | NodeJS.Signals,
  );
  return {
    process: child,
    ended,
    log: () => log,
    events: () =>
      log
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    },
  };
}
