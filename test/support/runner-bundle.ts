// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build } from 'esbuild';

let bundle: Promise<string> | undefined;

/**
 * Path of the runner as one file, as a release has it, built from the sources as they are; gone when this process ends. The runner may read nothing
 * else, so it cannot be started from its sources.
 */
export function bundledRunner(): Promise<string> {
  bundle ??= make();
  return bundle;
}

async function make(): Promise<string> {
  const root = join(import.meta.dirname, '..', '..');
  const directory = mkdtempSync(join(tmpdir(), 'enarx-runner-'));
  process.once('exit', () => {
    rmSync(directory, { recursive: true, force: true });
  });
  const outfile = join(directory, 'runner.mjs');
  await build({
    absWorkingDir: root,
    entryPoints: ['packages/runtime/src/runner-main.ts'],
    outfile,
    bundle: true,
    conditions: ['source'],
    format: 'esm',
    platform: 'node',
    target: 'node26',
    logLevel: 'warning',
  });
  return outfile;
}
