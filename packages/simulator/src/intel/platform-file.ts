// SPDX-License-Identifier: Apache-2.0
import { decodeMaterial, encodeMaterial, type MaterialFormat } from '../material-file.ts';
import { materialParts } from './material.ts';
import { intelMaterialOf, intelPlatformOf, type SimulatedIntelPlatform } from './platform.ts';
import { intelPlatformProblem } from './problems.ts';

const format: MaterialFormat<(typeof materialParts)[number]> = {
  mark: 'enarx-simulated-intel-platform/1',
  maxBytes: 32_768,
  parts: materialParts,
};

/** The platform with its private keys. */
export async function exportIntelPlatform(
  platform: SimulatedIntelPlatform,
): Promise<Uint8Array<ArrayBuffer>> {
  return encodeMaterial(format, intelMaterialOf(platform));
}

/** @throws EnarxError `intel-platform/file-malformed`, whatever is wrong with the bytes */
export async function importIntelPlatform(bytes: Uint8Array): Promise<SimulatedIntelPlatform> {
  try {
    return await intelPlatformOf(await decodeMaterial(format, bytes));
  } catch (cause) {
    throw intelPlatformProblem('intel-platform/file-malformed', { found: (cause as Error).message, cause });
  }
}
