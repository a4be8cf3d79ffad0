// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build } from 'esbuild';

const root = join(import.meta.dirname, '..', '..', '..', '..');
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
  await build({
    absWorkingDir: root,
    entryPoints: {
      keepldr: 'packages/keepldr/src/keepldr-main.ts',
      wasmldr,
      runner: 'packages/runtime/src/runner-main.ts',
    },
    outdir: directory,
    define,
    // With them esbuild leaves out what a verifier and a simulator share.
    ignoreAnnotations: Object.keys(define).length > 0,
    bundle: true,
    conditions: ['source'],
    format: 'esm',
    platform: 'node',
    target: 'node26',
    legalComments: 'none',
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'warning',
  });
  for (const name of ['wasmldr', 'runner'])
    renameSync(join(directory, `${name}.js`), join(directory, `${name}.mjs`));
  writeFileSync(join(directory, 'release.json'), JSON.stringify({ release: 'test', measurements: {} }));
  return directory;
}
