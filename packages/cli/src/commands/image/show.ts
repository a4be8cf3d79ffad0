// SPDX-License-Identifier: Apache-2.0
import { readManifest, verifyImage, type ImageManifest } from '@enarx/image';
import { printable } from '@enarx/protocol';

import type { EnarxContext } from '../../context.ts';
import { table } from '../../output.ts';
import { imageDirectory } from '../../run/image.ts';
import type { ImageFlags } from './flags.ts';

export async function showGuestImage(this: EnarxContext, flags: ImageFlags): Promise<void> {
  const image = imageDirectory(flags, this.process.env);
  const manifest = await readManifest(image);
  this.output.result({ image, ...manifest }, () => textOfManifest(image, manifest));
}

export async function verifyGuestImage(this: EnarxContext, flags: ImageFlags): Promise<void> {
  const image = imageDirectory(flags, this.process.env);
  const { kernel, initrd, firmware, tdxFirmware, digests } = await verifyImage(image);
  const launches = Object.values(digests).flat().length;
  this.output.result({ image, verified: true, kernel, initrd, firmware, tdxFirmware, launches }, () =>
    [
      `${image} is what its manifest says: kernel, initial file system, firmware, and ${String(launches)} launch digests.`,
      'Whether to trust it is another question: build it again and compare.',
    ].join('\n'),
  );
}

export function textOfManifest(image: string, manifest: ImageManifest): string {
  const { kernel, initrd, firmware, tdxFirmware, files, digests, commandLine, release } = manifest;
  const size = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;
  return [
    `${image}: guest image of release ${printable(release)}`,
    table([
      ['kernel', size(kernel.size), kernel.sha256],
      ['initrd', size(initrd.size), initrd.sha256],
      ['firmware', size(firmware.size), firmware.sha256],
      ['firmware for TDX', size(tdxFirmware.size), tdxFirmware.sha256],
    ]),
    `command line: ${printable(commandLine)}`,
    '',
    table(
      files.map(({ path, size: bytes, package: origin }) => [
        printable(path),
        size(bytes),
        printable(origin),
      ]),
    ),
    'Launch digests (emulation boots without the firmware, and reports the digest with it):',
    table([
      ...digests.snp.map(({ vcpus, type, digest }) => [
        'snp',
        `${String(vcpus)} × ${printable(type)}`,
        digest,
      ]),
      ...digests.sev.map(({ digest }) => ['sev', '', digest]),
      ...digests['sev-es'].map(({ vcpus, type, digest }) => [
        'sev-es',
        `${String(vcpus)} × ${printable(type)}`,
        digest,
      ]),
      ...digests.tdx.map(({ digest }) => ['tdx', 'MRTD, of the firmware alone', digest]),
    ]),
  ].join('\n');
}
