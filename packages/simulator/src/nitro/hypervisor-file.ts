// SPDX-License-Identifier: Apache-2.0
import { decodeMaterial, encodeMaterial, type MaterialFormat } from '../material-file.ts';
import {
  hypervisorMaterialOf,
  hypervisorOf,
  type HypervisorMaterial,
  type SimulatedNitroHypervisor,
} from './hypervisor.ts';
import { nitroProblem } from './problems.ts';

const format: MaterialFormat<keyof HypervisorMaterial> = {
  mark: 'enarx-simulated-nitro-hypervisor/1',
  maxBytes: 16_384,
  parts: ['root', 'region', 'zone', 'instance', 'instanceId', 'instanceKey'],
};

/** The hypervisor with its private key. */
export async function exportNitroHypervisor(
  hypervisor: SimulatedNitroHypervisor,
): Promise<Uint8Array<ArrayBuffer>> {
  return encodeMaterial(format, hypervisorMaterialOf(hypervisor));
}

/** @throws EnarxError `nitro-hypervisor/file-malformed`, whatever is wrong with the bytes */
export async function importNitroHypervisor(bytes: Uint8Array): Promise<SimulatedNitroHypervisor> {
  try {
    return await hypervisorOf(await decodeMaterial(format, bytes));
  } catch (cause) {
    throw nitroProblem('nitro-hypervisor/file-malformed', { found: (cause as Error).message, cause });
  }
}
