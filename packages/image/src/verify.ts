// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { imageFiles } from './files.ts';
import { launchDigests } from './launch-digests.ts';
import { measureFile, readManifest, type ImageManifest } from './manifest.ts';
import { imageProblem } from './problems.ts';

/**
 * Recomputes what the manifest of an image says of its files and their launch digests. Whether anybody should trust the
 * image is another question: build it again and compare the manifests.
 *
 * @throws EnarxError `image/unreadable`, `image/manifest-malformed`, `image/differs`
 */
export async function verifyImage(directory: string): Promise<ImageManifest> {
  const manifest = await readManifest(directory);
  const read = async (name: 'kernel' | 'initrd' | 'firmware' | 'tdxFirmware'): Promise<Uint8Array> => {
    let content: Uint8Array;
    try {
      content = await readFile(join(directory, imageFiles[name]));
    } catch (cause) {
      throw imageProblem('image/unreadable', { found: imageFiles[name], cause });
    }
    const { sha256, size } = measureFile([content]);
    if (sha256 !== manifest[name].sha256 || size !== manifest[name].size)
      throw imageProblem('image/differs', {
        found: `${imageFiles[name]} ${sha256}`,
        expected: manifest[name].sha256,
      });
    return content;
  };
  await read('kernel');
  await read('initrd');
  const firmware = await read('firmware');
  const tdxFirmware = await read('tdxFirmware');
  const vcpus = [...new Set(manifest.digests.snp.map((launch) => launch.vcpus))];
  const recomputed = await launchDigests({
    firmware,
    tdxFirmware,
    kernel: manifest.kernel.sha256,
    initrd: manifest.initrd.sha256,
    commandLine: manifest.commandLine,
    vcpus,
  });
  if (JSON.stringify(recomputed) !== JSON.stringify(manifest.digests))
    throw imageProblem('image/differs', { found: 'launch digests that do not follow from the files' });
  return manifest;
}
