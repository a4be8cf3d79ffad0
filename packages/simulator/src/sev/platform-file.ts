// SPDX-License-Identifier: Apache-2.0
import { decodeMaterial, encodeMaterial, type MaterialFormat } from '../material-file.ts';
import {
  platformMaterialOf,
  sevPlatformOf,
  type PlatformMaterial,
  type SimulatedSevPlatform,
} from './platform.ts';
import { sevFirmwareProblem } from './problems.ts';

const format: MaterialFormat<keyof PlatformMaterial> = {
  mark: 'enarx-simulated-sev-platform/1',
  maxBytes: 32_768,
  parts: ['pdh', 'pek', 'oca', 'cek', 'unsignedCek', 'ask', 'ark', 'arkKey', 'pdhKey'],
};

/** The platform with its private key. */
export async function exportSevPlatform(platform: SimulatedSevPlatform): Promise<Uint8Array<ArrayBuffer>> {
  return encodeMaterial(format, platformMaterialOf(platform));
}

/** @throws EnarxError `sev-firmware/file-malformed`, whatever is wrong with the bytes */
export async function importSevPlatform(bytes: Uint8Array): Promise<SimulatedSevPlatform> {
  try {
    return await sevPlatformOf(await decodeMaterial(format, bytes));
  } catch (cause) {
    throw sevFirmwareProblem('sev-firmware/file-malformed', { found: (cause as Error).message, cause });
  }
}
