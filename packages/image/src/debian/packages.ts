// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { imageProblem } from '../problems.ts';
import type { LockedPackage } from './lock.ts';
import { runTool } from './tool.ts';

export interface PackageSources {
  /** Directory that keeps fetched packages, one file each, named by its SHA-256. Made when it is not there. */
  readonly cache: string;
  /** Directory with .deb files of any name; nothing is fetched when it is given. */
  readonly directory?: string | undefined;
  /** Debian mirror, as in a line of sources.list; without it the one that this machine's apt uses. */
  readonly mirror?: string | undefined;
}

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Files of the locked packages, in their order. Each has the digest that the lock names, wherever it came from.
 * @throws EnarxError `image/package-unavailable`, `image/package-differs`, `image/tool-…`
 */
export async function packageFiles(
  packages: readonly LockedPackage[],
  sources: PackageSources,
): Promise<readonly string[]> {
  await mkdir(sources.cache, { recursive: true });
  const missing: LockedPackage[] = [];
  for (const locked of packages) if (!(await isCached(sources.cache, locked))) missing.push(locked);
  if (missing.length > 0) {
    if (sources.directory === undefined) await fetchPackages(missing, sources);
    else await takePackages(missing, sources.directory, sources.cache);
  }
  const files: string[] = [];
  for (const locked of packages) {
    const file = cachedFile(sources.cache, locked);
    // A cache is a directory that others may have written to.
    const digest = await fileDigest(file);
    if (digest !== locked.sha256)
      throw imageProblem('image/package-differs', {
        found: `${file} with digest ${digest}`,
        expected: locked.sha256,
      });
    files.push(file);
  }
  return files;
}

function cachedFile(cache: string, { sha256 }: LockedPackage): string {
  return join(cache, `${sha256}.deb`);
}

async function isCached(cache: string, locked: LockedPackage): Promise<boolean> {
  try {
    await access(cachedFile(cache, locked));
    return true;
  } catch {
    return false;
  }
}

async function fileDigest(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

async function takePackages(
  wanted: readonly LockedPackage[],
  directory: string,
  cache: string,
): Promise<void> {
  let names: string[];
  try {
    names = (await readdir(directory)).filter((name) => name.endsWith('.deb'));
  } catch (cause) {
    throw imageProblem('image/unreadable', { found: directory, cause });
  }
  const byDigest = new Map<string, Uint8Array>();
  for (const name of names) {
    const content = await readFile(join(directory, name));
    byDigest.set(createHash('sha256').update(content).digest('hex'), content);
  }
  for (const locked of wanted) {
    const content = byDigest.get(locked.sha256);
    if (content === undefined)
      throw imageProblem('image/package-unavailable', {
        found: `no file with that digest in ${directory}`,
        expected: nameOf(locked),
      });
    await writeFile(cachedFile(cache, locked), content);
  }
}

/** By the machine's own apt, with lists and a cache of its own: neither its configuration nor its lists are touched. */
async function fetchPackages(
  wanted: readonly LockedPackage[],
  { cache, mirror }: PackageSources,
): Promise<void> {
  const place = await mkdtemp(join(cache, 'apt-'));
  try {
    const site = mirror ?? (await debianMirror());
    const suites = [...new Set(wanted.map(({ suite }) => suite))];
    const list = suites.map((suite) => `deb [signed-by=${keyring}] ${site} ${suite} main\n`).join('');
    await writeFile(join(place, 'sources.list'), list);
    await mkdir(join(place, 'lists', 'partial'), { recursive: true });
    await mkdir(join(place, 'cache', 'archives', 'partial'), { recursive: true });
    await mkdir(join(place, 'packages'));
    const options = [
      `Dir::Etc::sourcelist=${join(place, 'sources.list')}`,
      'Dir::Etc::sourceparts=/dev/null',
      `Dir::State::lists=${join(place, 'lists')}`,
      `Dir::Cache=${join(place, 'cache')}`,
      'APT::Sandbox::User=root',
      'Acquire::Languages=none',
    ].flatMap((option) => ['-o', option]);
    await runTool('apt-get', [...options, '-qq', 'update']);
    for (const locked of wanted) {
      try {
        await runTool(
          'apt-get',
          [...options, '-qq', 'download', `${locked.name}=${locked.version}`],
          join(place, 'packages'),
        );
      } catch (cause) {
        throw imageProblem('image/package-unavailable', {
          found: (cause as Error).message,
          expected: nameOf(locked),
          cause,
        });
      }
    }
    await takePackages(wanted, join(place, 'packages'), cache);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function debianMirror(): Promise<string> {
  const format = ['--format', '$(SITE)', 'Created-By: Packages', 'Origin: Debian'];
  const sites = (await runTool('apt-get', ['indextargets', ...format]))
    .toString('utf8')
    .split('\n')
    .filter(Boolean);
  const site = sites.find((candidate) => candidate.endsWith('/debian')) ?? sites[0];
  if (site === undefined)
    throw imageProblem('image/package-unavailable', {
      found: 'an apt that knows no Debian archive',
      expected: 'one after `apt-get update`, or --mirror URL, or --packages DIR',
    });
  return site;
}

function nameOf({ name, version, suite }: LockedPackage): string {
  return `${name} ${version} of ${suite}`;
}

/** Unpacks a package into a directory of its own below `place`. @returns that directory */
export async function unpackPackage(file: string, place: string): Promise<string> {
  const directory = await mkdtemp(join(place, 'package-'));
  await runTool('dpkg-deb', ['--extract', file, directory]);
  return directory;
}
