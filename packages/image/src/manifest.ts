// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import * as v from 'valibot';

import { imageFiles } from './files.ts';
import { imageProblem } from './problems.ts';

const hex = (bytes: number): v.GenericSchema<string> =>
  v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${String(2 * bytes)}}$`)));
const measuredFile = v.strictObject({
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  sha256: hex(32),
});
const launch = {
  vcpus: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(512)),
  type: v.string(),
};

const manifest = v.strictObject({
  format: v.literal('enarx-image/1'),
  release: v.string(),
  commandLine: v.string(),
  kernel: measuredFile,
  initrd: measuredFile,
  /** Measured direct boot asks for a firmware whose hash table the digests cover; emulation boots without one. */
  firmware: measuredFile,
  /** That of trust domains, which AMD's firmware would not start. */
  tdxFirmware: measuredFile,
  /** Every file in the initial file system. */
  files: v.array(
    v.strictObject({ path: v.string(), size: v.number(), sha256: hex(32), package: v.string() }),
  ),
  /** What the processors of each kind will measure. */
  digests: v.strictObject({
    snp: v.array(v.strictObject({ ...launch, digest: hex(48) })),
    sev: v.array(v.strictObject({ digest: hex(32) })),
    'sev-es': v.array(v.strictObject({ ...launch, digest: hex(32) })),
    /** MRTD, of the firmware alone. What it starts is in registers that nobody can tell from here. */
    tdx: v.array(v.strictObject({ digest: hex(48) })),
  }),
});
export type ImageManifest = v.InferOutput<typeof manifest>;
export type MeasuredFile = v.InferOutput<typeof measuredFile>;

export function measureFile(content: readonly Uint8Array[]): MeasuredFile {
  const hash = createHash('sha256');
  let size = 0;
  for (const part of content) {
    hash.update(part);
    size += part.length;
  }
  return { size, sha256: hash.digest('hex') };
}

/**
 * The manifest of an image directory. It is a claim until {@link verifyImage} has recomputed it.
 * @throws EnarxError `image/unreadable`, `image/manifest-malformed`
 */
export async function readManifest(directory: string): Promise<ImageManifest> {
  const file = join(directory, imageFiles.manifest);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw imageProblem('image/unreadable', { found: file, cause });
  }
  try {
    return v.parse(manifest, JSON.parse(text));
  } catch (cause) {
    throw imageProblem('image/manifest-malformed', { found: (cause as Error).message, cause });
  }
}
