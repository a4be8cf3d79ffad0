// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bundleRunner } from '../../tools/bundle-runner.ts';

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
  const directory = mkdtempSync(join(tmpdir(), 'enarx-runner-'));
  process.once('exit', () => {
    rmSync(directory, { recursive: true, force: true });
  });
  const outfile = join(directory, 'runner.cjs');
  await bundleRunner(outfile);
  return outfile;
}
