// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build } from 'esbuild';

const root = join(import.meta.dirname, '..', '..', '..', '..');

/** A guest for the tests, in the place of wasmldr. */
const standIn = 'packages/keepldr/test/support/stand-in-guest.ts';

let release: Promise<string> | undefined;

/** Directory of a release with the daemon and the loader as they are, and a stand-in for the guest; gone when this process ends. */
export function releaseWithStandIn(): Promise<string> {
  release ??= make();
  return release;
}

async function make(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-release-'));
  process.once('exit', () => {
    rmSync(directory, { recursive: true, force: true });
  });
  await build({
    absWorkingDir: root,
    entryPoints: {
      keepmgr: 'packages/keepmgr/src/keepmgr-main.ts',
      keepldr: 'packages/keepldr/src/keepldr-main.ts',
      wasmldr: standIn,
    },
    outdir: directory,
    bundle: true,
    conditions: ['source'],
    format: 'esm',
    platform: 'node',
    target: 'node26',
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'warning',
  });
  renameSync(join(directory, 'wasmldr.js'), join(directory, 'wasmldr.mjs'));
  writeFileSync(join(directory, 'runner.mjs'), '');
  writeFileSync(join(directory, 'release.json'), JSON.stringify({ release: 'test', measurements: {} }));
  return directory;
}
