// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { billOfMaterials } from './bill-of-materials.ts';
import { commandLine } from './command-line.ts';
import {
  fileSystem,
  kernelLicence,
  libraryFiles,
  moduleFiles,
  modulesDirectory,
  originOf,
  programFiles,
  readPackageFile,
  type ImageFile,
  type Origin,
  type UnpackedPackage,
} from './contents.ts';
import { cpioArchive } from './cpio.ts';
import { lockFile, readLock, type LockedPackage } from './debian/lock.ts';
import { packageFiles, unpackPackage, type PackageSources } from './debian/packages.ts';
import { imageFiles } from './files.ts';
import { launchDigests } from './launch-digests.ts';
import { measureFile, type ImageManifest } from './manifest.ts';
import { imageProblem } from './problems.ts';

export interface BuildOptions {
  /** Directory to write; replaced when it is there. */
  readonly output: string;
  /** Directory of the release: `init.cjs` and `runner.cjs`. */
  readonly release: string;
  readonly releaseVersion: string;
  /** Node 26 for x86-64, and its version. */
  readonly node: string;
  readonly nodeVersion: string;
  readonly sources: PackageSources;
  /** Another kernel than the locked one, and the directory of its modules (that holds `kernel/`), which it may need none of. */
  readonly kernel?: { readonly file: string; readonly modules?: string | undefined } | undefined;
  /** Another firmware for AMD's kinds than the locked one. */
  readonly firmware?: string | undefined;
  /** The same for TDX. */
  readonly tdxFirmware?: string | undefined;
  /** vCPU counts to compute launch digests for. */
  readonly vcpus?: readonly number[] | undefined;
  readonly lock?: string | undefined;
}

interface Boot {
  readonly kernel: Uint8Array;
  readonly modules: readonly ImageFile[];
}

/**
 * Builds a guest image: kernel, initial file system, firmware, manifest, bill of materials. The same inputs give the same bytes, wherever
 * and whenever.
 *
 * @throws EnarxError `image/…`
 */
export async function buildImage(options: BuildOptions): Promise<ImageManifest> {
  const place = await mkdtemp(join(tmpdir(), 'enarx-image-'));
  try {
    const packages = await unpackAll(await neededPackages(options), options.sources, place);
    const { kernel, modules } = await readBoot(options, packages);
    const firmware = await readFirmware(options.firmware, packages, 'firmware');
    const tdxFirmware = await readFirmware(options.tdxFirmware, packages, 'tdx-firmware');
    const files = [...(await libraryFiles(packages)), ...modules, ...(await programFiles(options))];
    return await writeImage(options, { kernel, firmware, tdxFirmware, files });
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function neededPackages({
  lock = lockFile,
  kernel,
  firmware,
  tdxFirmware,
}: BuildOptions): Promise<LockedPackage[]> {
  const given = { kernel, firmware, 'tdx-firmware': tdxFirmware, library: undefined };
  return (await readLock(lock)).filter(({ role }) => given[role] === undefined);
}

async function unpackAll(
  packages: readonly LockedPackage[],
  sources: PackageSources,
  place: string,
): Promise<UnpackedPackage[]> {
  const files = await packageFiles(packages, sources);
  return Promise.all(
    packages.map(async (locked, i) => ({
      locked,
      directory: await unpackPackage(files[i] as string, place),
    })),
  );
}

async function readBoot(options: BuildOptions, packages: readonly UnpackedPackage[]): Promise<Boot> {
  const { kernel } = options;
  if (kernel !== undefined) {
    const origin: Origin = {
      name: 'kernel',
      version: 'given',
      licence: kernelLicence,
      kind: 'given',
    };
    const modules = kernel.modules === undefined ? [] : await moduleFiles(kernel.modules, origin);
    return { kernel: await readGiven(kernel.file), modules };
  }
  const unpacked = packageWith(packages, 'kernel');
  const version = unpacked.locked.name.replace('linux-image-', '');
  return {
    kernel: await readPackageFile(unpacked, [
      `boot/vmlinuz-${version}`,
      `usr/lib/modules/${version}/vmlinuz`,
    ]),
    modules: await moduleFiles(await modulesDirectory(unpacked), originOf(unpacked.locked)),
  };
}

const firmwareFiles = {
  firmware: 'usr/share/ovmf/OVMF.amdsev.fd',
  'tdx-firmware': 'usr/share/ovmf/OVMF.fd',
} as const;

async function readFirmware(
  given: string | undefined,
  packages: readonly UnpackedPackage[],
  role: keyof typeof firmwareFiles,
): Promise<Uint8Array> {
  if (given !== undefined) return readGiven(given);
  return readPackageFile(packageWith(packages, role), [firmwareFiles[role]]);
}

function packageWith(packages: readonly UnpackedPackage[], role: LockedPackage['role']): UnpackedPackage {
  const found = packages.find(({ locked }) => locked.role === role);
  if (found === undefined)
    throw imageProblem('image/file-missing', { found: 'no package in the lock', expected: role });
  return found;
}

async function readGiven(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw imageProblem('image/unreadable', { found: file, cause });
  }
}

interface Parts {
  readonly kernel: Uint8Array;
  readonly firmware: Uint8Array;
  readonly tdxFirmware: Uint8Array;
  readonly files: readonly ImageFile[];
}

async function writeImage(
  options: BuildOptions,
  { kernel, firmware, tdxFirmware, files }: Parts,
): Promise<ImageManifest> {
  const initrd = cpioArchive(fileSystem(files));
  const measured = {
    kernel: measureFile([kernel]),
    initrd: measureFile(initrd),
    firmware: measureFile([firmware]),
    tdxFirmware: measureFile([tdxFirmware]),
  };
  const manifest: ImageManifest = {
    format: 'enarx-image/1',
    release: options.releaseVersion,
    commandLine,
    ...measured,
    files: files
      .toSorted((a, b) => (a.path < b.path ? -1 : 1))
      .map(({ path, content, origin }) => ({
        path: `/${path}`,
        ...measureFile([content]),
        package: `${origin.name} ${origin.version}`,
      })),
    digests: await launchDigests({
      firmware,
      tdxFirmware,
      kernel: measured.kernel.sha256,
      initrd: measured.initrd.sha256,
      commandLine,
      vcpus: options.vcpus ?? [1, 2, 4],
    }),
  };
  await writeDirectory(options.output, {
    [imageFiles.kernel]: [kernel],
    [imageFiles.initrd]: initrd,
    [imageFiles.firmware]: [firmware],
    [imageFiles.tdxFirmware]: [tdxFirmware],
    [imageFiles.manifest]: [Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)],
    [imageFiles.bom]: [Buffer.from(billOfMaterials(options.releaseVersion, files))],
  });
  return manifest;
}

/** All or nothing: a keepldr may be reading the image that is being replaced. */
async function writeDirectory(
  output: string,
  contents: Readonly<Record<string, readonly Uint8Array[]>>,
): Promise<void> {
  try {
    await mkdir(dirname(output), { recursive: true });
    const temporary = await mkdtemp(`${output}.`);
    // QEMU reads it as nobody.
    await chmod(temporary, 0o755);
    for (const [name, parts] of Object.entries(contents)) await writeFile(join(temporary, name), parts);
    await rm(output, { recursive: true, force: true });
    await rename(temporary, output);
  } catch (cause) {
    throw imageProblem('image/unreadable', { found: output, cause });
  }
}
