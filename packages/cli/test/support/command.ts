// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build } from 'esbuild';

/** The command, bundled once for each test file as the build does it: stripping types at each start would cost more than the tests. */
async function bundle(): Promise<string> {
  const outdir = await mkdtemp(join(tmpdir(), 'enarx-cli-bundle-'));
  process.on('exit', () => {
    rmSync(outdir, { recursive: true, force: true });
  });
  await build({
    entryPoints: { enarx: join(import.meta.dirname, '../../src/enarx-main.ts') },
    outdir,
    bundle: true,
    splitting: true,
    conditions: ['source'],
    format: 'esm',
    platform: 'node',
    target: 'node26',
    outExtension: { '.js': '.mjs' },
    logLevel: 'warning',
  });
  return join(outdir, 'enarx.mjs');
}
const main = bundle();

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command in a process of its own. */
export function enarx(...args: readonly string[]): Promise<Ended> {
  return enarxIn({}, ...args);
}

/** The same with some variables more. */
export async function enarxIn(
  variables: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<Ended> {
  const child = spawn(process.execPath, [await main, ...args], {
    env: { PATH: process.env['PATH'], NO_COLOR: '1', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...texts };
}

/** Runs the command with a standard output that takes nothing: its reader has gone, or its disk is full. */
export async function enarxWithout(output: 'reader' | 'room', ...args: readonly string[]): Promise<Ended> {
  const full = output === 'room' ? openSync('/dev/full', 'w') : undefined;
  const child = spawn(process.execPath, [await main, ...args], {
    env: { PATH: process.env['PATH'], NO_COLOR: '1' },
    stdio: ['ignore', full ?? 'pipe', 'pipe'],
  });
  if (full !== undefined) closeSync(full);
  child.stdout?.destroy();
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout: '', stderr };
}

/** Code of the error that the command ended with, given `--json`. */
export function errorCode({ stderr }: Ended): string | undefined {
  return /"code":"([^"]+)"/.exec(stderr)?.[1];
}

/** A directory for the files of one test file. */
export class Directory implements AsyncDisposable {
  readonly path: string;
  private constructor(path: string) {
    this.path = path;
  }
  static async make(): Promise<Directory> {
    return new Directory(await mkdtemp(join(tmpdir(), 'enarx-cli-test-')));
  }
  /** Writes a file and gives its path. */
  async file(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(this.path, name);
    await writeFile(path, content);
    return path;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

const vectors = join(
  process.env['ENARX_VECTORS'] ?? join(import.meta.dirname, '../../../../../shared/vectors'),
  'amd',
);

/** Reason for skipping where the corpus of real evidence is not on this machine. */
export const withoutVectors = existsSync(join(vectors, 'INDEX.json')) ? false : `no vectors in ${vectors}`;

export const vectorPath = (file: string): string => join(vectors, file);
