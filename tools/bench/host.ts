// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const release = join(import.meta.dirname, '..', '..', 'packages', 'cli', 'release');

export interface BenchHost extends AsyncDisposable {
  readonly url: string;
  readonly anchor: string;
  /** Process id of the keepmgr. */
  readonly pid: number;
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface BenchHostOptions {
  /** Keeps that are launched before anybody asks, by kind. */
  readonly pool?: Readonly<Record<string, number>>;
  /** Limits of the daemon that are not the usual ones. */
  readonly limits?: Readonly<Record<string, number>>;
}

/** A keepmgr as an operator starts it, with a simulated processor of its own that is made before anything is measured. */
export async function startBenchHost({ pool, limits }: BenchHostOptions = {}): Promise<BenchHost> {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-bench-'));
  const config = join(directory, 'keepmgr.toml');
  const section = (name: string, values: Readonly<Record<string, number>> = {}): string =>
    [`[${name}]`, ...Object.entries(values).map(([key, value]) => `${key} = ${String(value)}`), ''].join(
      '\n',
    );
  writeFileSync(config, `${section('pool', pool)}${section('limits', limits)}`);
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: directory,
    TMPDIR: directory,
    XDG_STATE_HOME: directory,
  };
  const child = spawn(
    process.execPath,
    [
      join(release, 'keepmgr.js'),
      ...['--listen', 'http://127.0.0.1:0', '--state', join(directory, 'host'), '--config', config],
    ],
    { env, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const ready = JSON.parse(line) as { address: string; pid: number; simulator: { anchor: string } };
  return {
    url: ready.address,
    anchor: ready.simulator.anchor,
    pid: ready.pid,
    directory,
    env,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
