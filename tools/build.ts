// SPDX-License-Identifier: Apache-2.0
//
// Bundles the five programs into packages/cli/release/. With --types it also checks and emits every package's own dist/.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Plugin } from 'esbuild';

import { bundleRunner } from './bundle-runner.ts';
import { bundling, bundlingForKeep, root } from './bundling.ts';

const release = join(root, 'packages', 'cli', 'release');
const stampFile = join(root, '.stamp', 'build');

/** One file each: they are measured, sandboxed and started at every Keep, and a file costs a millisecond at every start. */
const programs = {
  enarx: 'packages/cli/src/start.ts',
  command: 'packages/cli/src/enarx-main.ts',
  keepmgr: 'packages/keepmgr/src/keepmgr-main.ts',
  keepldr: 'packages/keepldr/src/keepldr-main.ts',
};
/** `init` is the first process of a VM guest, with wasmldr in it. */
const guestPrograms = {
  wasmldr: 'packages/wasmldr/src/wasmldr-main.ts',
  init: 'packages/guest/src/init-main.ts',
};

function digestOfSources(): string {
  const hash = createHash('sha256');
  const files = globSync(
    [
      'packages/*/src/**/*.ts',
      'packages/*/package.json',
      'packages/image/debian.lock.json',
      'package-lock.json',
      'tools/build.ts',
      'tools/bundl*.ts',
    ],
    { cwd: root },
  );
  for (const file of files.sort())
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/** What takes components apart: loaded by a client that delivers one, and by nobody else. */
const transpiler = 'packages/client/src/component/transpile.ts';
const transpilerHost = join(root, 'packages/client/src/component/transpiler-host.ts');
const transpilerFiles = join(root, 'node_modules/@bytecodealliance/jco-transpile/vendor');

const ownTranspilerHost: Plugin = {
  name: 'own-transpiler-host',
  setup: (build) => {
    build.onResolve({ filter: /^@bytecodealliance\/preview2-shim/ }, () => ({ path: transpilerHost }));
  },
};

async function bundle(): Promise<void> {
  // Loaded only when there is something to build: a start without changes should not pay for the bundler.
  const { build } = await import('esbuild');
  rmSync(release, { recursive: true, force: true });
  await build({ ...bundling, outdir: release, entryPoints: programs });
  await build({ ...bundlingForKeep, outdir: release, entryPoints: guestPrograms });
  await bundleRunner(join(release, 'runner.cjs'));
  await build({
    ...bundling,
    outdir: release,
    entryPoints: { transpile: transpiler },
    plugins: [ownTranspilerHost],
  });
  for (const file of globSync('js-component-bindgen-component*.wasm', { cwd: transpilerFiles }))
    copyFileSync(join(transpilerFiles, file), join(release, file));
  copyFileSync(join(root, 'packages', 'image', 'debian.lock.json'), join(release, 'debian.lock.json'));
  // Wherever a release is put, Node shall know what its files are without compiling them twice.
  writeFileSync(join(release, 'package.json'), '{ "type": "module" }\n');
}

/** What a client of this release expects a Keep's loader to measure as. */
async function writeManifest(): Promise<void> {
  const { measureSimLoader, measureSimSevLoader } =
    await import('../packages/keepldr/src/backends/sim/loader.ts');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const measurements = {
    sim: Buffer.from(await measureSimLoader(release)).toString('hex'),
    'sim-sev': Buffer.from(await measureSimSevLoader(release)).toString('hex'),
  };
  writeFileSync(
    join(release, 'release.json'),
    `${JSON.stringify({ release: version, measurements }, null, 2)}\n`,
  );
}

const digest = digestOfSources();
const current =
  existsSync(stampFile) &&
  readFileSync(stampFile, 'utf8') === digest &&
  existsSync(join(release, 'release.json'));
if (!current) {
  await bundle();
  await writeManifest();
  mkdirSync(join(root, '.stamp'), { recursive: true });
  writeFileSync(stampFile, digest);
}
if (process.argv.includes('--types')) {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules/ts7/bin/tsc'), '-b'], {
    cwd: root,
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
}
