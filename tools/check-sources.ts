// SPDX-License-Identifier: Apache-2.0
//
// What no linter knows: licence lines, machine paths, forgotten `.only`, file sizes, numbered decisions, dependencies with a reason.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Above the guide a file is looked at; above the limit it must be split. Tables and test cases may be long. */
const guide = 300;
const limit = 500;
const mayBeLong = /(^|\/)(test|tests)\/|problems\.ts$|\.test\.ts$/;

const licenceLine = 'SPDX-License-Identifier: Apache-2.0';
const needsLicence = /\.(ts|mjs|cjs|rs|c|cddl|sh)$|^packages\/cli\/bin\/|^\.ci\//;
const isText = /\.(ts|mjs|cjs|js|json|md|toml|rs|c|cddl|sh|yaml|yml|service)$|^packages\/cli\/bin\/|^\.ci\//;
/** Places that exist on the machine of whoever wrote it and nowhere else. */
const machinePath = /(?<![\w.])\/(?:home\/(?!USER\b)\w+|Users\/\w+|root\/|work\/|tmp\/enarx\/)/;
const focused = /\b(?:test|it|describe|suite)\.only\(|\bonly: true\b/;
/** This file says what it looks for. */
const self = 'tools/check-sources.ts';

interface Manifest {
  readonly name: string;
  readonly workspaces?: readonly string[];
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly hasInstallScript?: boolean; readonly optional?: boolean }>
  >;
}

const read = (file: string): string => readFileSync(join(root, file), 'utf8');

function trackedFiles(): string[] {
  const { stdout } = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
}

function checkText(file: string, text: string): string[] {
  const found: string[] = [];
  if (needsLicence.test(file) && !text.split('\n', 3).some((line) => line.includes(licenceLine)))
    found.push(`${file}: the licence line is missing at its beginning`);
  text.split('\n').forEach((line, index) => {
    const where = `${file}:${String(index + 1)}`;
    if (machinePath.test(line)) found.push(`${where}: a path of one machine`);
    if (focused.test(line)) found.push(`${where}: .only would silence the other tests`);
  });
  return found;
}

function checkSize(file: string, text: string): string[] {
  const lines = text.split('\n').length;
  if (!file.endsWith('.ts') || mayBeLong.test(file) || lines <= guide) return [];
  if (lines > limit) return [`${file}: ${String(lines)} lines; split it (guide ${String(guide)})`];
  console.warn(`note: ${file} has ${String(lines)} lines (guide ${String(guide)})`);
  return [];
}

/** Decisions are numbered 001, 002 … without a gap, and say so in their title. */
function checkDecisions(files: readonly string[]): string[] {
  const decisions = files.filter((file) => /^docs\/decisions\/.*\.md$/.test(file)).sort();
  return decisions.flatMap((file, index) => {
    const number = String(index + 1).padStart(3, '0');
    const named = new RegExp(`/${number}-[a-z0-9-]+\\.md$`).test(file);
    const titled = read(file).startsWith(`# ${number} `);
    return named && titled ? [] : [`${file}: expected decision ${number}, in its name and its title`];
  });
}

/** Each package that we ask for has a row with that very version. */
function checkDependencies(files: readonly string[]): string[] {
  const table = read('docs/dependencies.md');
  const manifests = files.filter((file) => /^(packages\/[^/]+\/)?package\.json$/.test(file));
  return manifests.flatMap((file) => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read(file)) as Manifest;
    const wanted = { ...dependencies, ...devDependencies, ...optionalDependencies };
    return Object.entries(wanted)
      .filter(([name]) => !name.startsWith('@enarx/'))
      .flatMap(([name, range]) => {
        const version = range.replace(/^npm:.*@/, '');
        if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) return [`${file}: ${name} has no exact version`];
        const row = table.split('\n').find((line) => {
          const names = (line.split('|')[1] ?? '').split(',').map((part) => part.trim().split(' ')[0]);
          return names.includes(name);
        });
        if (row === undefined) return [`docs/dependencies.md: no row for ${name} (${file})`];
        return row.includes(version) ? [] : [`docs/dependencies.md: ${name} is ${version} in ${file}`];
      });
  });
}

/** What npm installs runs nothing by itself. A package with a script must work without it, and be named here. */
const worksWithoutItsScript: ReadonlySet<string> = new Set([
  // Its script only exchanges a shim for the binary; the shim works.
  'node_modules/esbuild',
  // For macOS only.
  'node_modules/fsevents',
]);

function checkInstallScripts(files: readonly string[]): string[] {
  const found: string[] = [];
  if (!read('.npmrc').split('\n').includes('ignore-scripts=true'))
    found.push('.npmrc: ignore-scripts=true is missing');
  const { packages } = JSON.parse(read('package-lock.json')) as Lock;
  for (const [path, { hasInstallScript }] of Object.entries(packages)) {
    if (hasInstallScript === true && !worksWithoutItsScript.has(path))
      found.push(`package-lock.json: ${path} has an install script`);
  }
  for (const file of files.filter((name) => name.endsWith('package.json'))) {
    const { scripts = {} } = JSON.parse(read(file)) as Manifest;
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      if (name in scripts) found.push(`${file}: has the script ${name}, which npm would not run`);
  }
  return found;
}

/** A workspace that `tsc -b` does not know is never type-checked. */
function checkReferences(files: readonly string[]): string[] {
  const references = read('tsconfig.json');
  return files
    .map((file) => /^packages\/([^/]+)\/package\.json$/.exec(file)?.[1])
    .filter((name) => name !== undefined)
    .filter((name) => !references.includes(`"packages/${name}"`))
    .map((name) => `tsconfig.json: packages/${name} is not among the references`);
}

const files = trackedFiles();
const found = [
  ...files
    .filter((file) => isText.test(file) && file !== self && file !== 'package-lock.json')
    .flatMap((file) => {
      const text = read(file);
      return [...checkText(file, text), ...checkSize(file, text)];
    }),
  ...checkDecisions(files),
  ...checkDependencies(files),
  ...checkInstallScripts(files),
  ...checkReferences(files),
];
for (const line of found) console.error(line);
process.exitCode = found.length === 0 ? 0 : 1;
