// SPDX-License-Identifier: Apache-2.0
//
// Set-up for `npm start`, `npm test` and the rest: installs what package-lock.json names and builds the programs, each only when
// something changed. Plain JavaScript, since it must run on whatever Node a fresh machine has (20 or later), before
// Node 26 is there. It stands inside the scripts themselves because npm runs no pre-scripts under ignore-scripts=true.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const stampFile = join(root, '.stamp', 'install');
const wanted = 26;

function digestOfManifests() {
  const hash = createHash('sha256');
  const packages = readdirSync(join(root, 'packages')).sort();
  const manifests = [
    'package.json',
    'package-lock.json',
    ...packages.map((name) => join('packages', name, 'package.json')),
  ];
  for (const manifest of manifests) {
    if (existsSync(join(root, manifest))) hash.update(manifest).update(readFileSync(join(root, manifest)));
  }
  return hash.digest('hex');
}

function install() {
  const digest = digestOfManifests();
  const done = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === digest;
  if (done && existsSync(join(root, 'node_modules'))) return;
  console.error('Setting up: installing the pinned packages (about half a minute, once) …');
  const npm = process.env.npm_execpath;
  const [command, args] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  // Engine warnings are noise here: the packages that want Node 22 or later run on the Node 26 that is being installed.
  const { status } = spawnSync(command, [...args, 'ci', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) fail(`npm ci ended with status ${String(status)}`);
  mkdirSync(join(root, '.stamp'), { recursive: true });
  writeFileSync(stampFile, digest);
}

function findNode() {
  const bundled = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(bundled)) return bundled;
  if (Number.parseInt(process.versions.node, 10) >= wanted) return process.execPath;
  return fail(
    `Node ${String(wanted)} is needed, this is Node ${process.versions.node}, and npm has no prebuilt Node for ` +
      `${process.platform}-${process.arch}. Install Node ${String(wanted)} or later, put it first on PATH and try again.`,
  );
}

function fail(message) {
  console.error(`Set-up failed: ${message}`);
  process.exit(1);
}

/** Runs the program with our Node, the standard streams passed on. Ends this process when it fails, the way it failed. */
function run(node, args) {
  const { status, signal } = spawnSync(
    node,
    ['--disable-warning=ExperimentalWarning', '--conditions=source', ...args],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
  if (status !== 0) process.exit(status ?? 128 + (constants.signals[signal] ?? 1));
}

install();
const node = findNode();
run(node, [join(root, 'tools', 'build.ts')]);
// The shell that npm started has looked `node` up before Node 26 was there, and some shells remember: so what comes next is started from here.
const [script, ...args] = process.argv.slice(2);
if (script !== undefined) run(node, [join(root, script), ...args]);
