// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build } from 'esbuild';

import { bundleRunner } from '../../../../tools/bundle-runner.ts';
import { bundling, bundlingForKeep } from '../../../../tools/bundling.ts';

let release: Promise<string> | undefined;

/** Directory of a release as `npm run build` makes it, without the command, from the sources as they are; gone when this process ends. */
export function builtRelease(): Promise<string> {
  release ??= make('packages/wasmldr/src/wasmldr-main.ts', {});
  return release;
}

/** The same with another program in the place of the loader. @param define - what stands for names in it */
export function releaseWith(wasmldr: string, define: Readonly<Record<string, string>>): Promise<string> {
  return make(wasmldr, define);
}

async function make(wasmldr: string, define: Readonly<Record<string, string>>): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-release-'));
  process.once('exit', () => {
    rmSync(directory, { recursive: true, force: true });
  });
  const keepldr = 'packages/keepldr/src/keepldr-main.ts';
  await build({ ...bundling, entryPoints: { keepldr }, outdir: directory });
  await build({
    ...bundlingForKeep,
    entryPoints: { wasmldr },
    outdir: directory,
    define: { ...bundlingForKeep.define, ...define },
    // With them esbuild leaves out what a verifier and a simulator share.
    ignoreAnnotations: Object.keys(define).length > 0,
  });
  await bundleRunner(join(directory, 'runner.cjs'));
  writeFileSync(join(directory, 'release.json'), JSON.stringify({ release: 'test', measurements: {} }));
  return directory;
}
