// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build } from 'esbuild';

import { bundling, bundlingForKeep } from '../../../../tools/bundling.ts';

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
  const programs = {
    keepmgr: 'packages/keepmgr/src/keepmgr-main.ts',
    keepldr: 'packages/keepldr/src/keepldr-main.ts',
  };
  await build({ ...bundling, entryPoints: programs, outdir: directory });
  await build({ ...bundlingForKeep, entryPoints: { wasmldr: standIn }, outdir: directory });
  writeFileSync(join(directory, 'runner.cjs'), '');
  writeFileSync(join(directory, 'release.json'), JSON.stringify({ release: 'test', measurements: {} }));
  return directory;
}
