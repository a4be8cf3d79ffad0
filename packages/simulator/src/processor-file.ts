// SPDX-License-Identifier: Apache-2.0
import { chipIdLength } from './chip.ts';
import { decodeMaterial, encodeMaterial, type MaterialFormat } from './material-file.ts';
import { materialOf, processorOf, type ProcessorMaterial, type SimulatedProcessor } from './processor.ts';
import { simulatorProblem } from './problems.ts';

const format: MaterialFormat<keyof ProcessorMaterial> = {
  mark: 'enarx-simulated-processor/1',
  maxBytes: 16_384,
  parts: ['ark', 'ask', 'vcek', 'chipId', 'vcekKey'],
};

/** The processor with its private key. */
export async function exportProcessor(processor: SimulatedProcessor): Promise<Uint8Array<ArrayBuffer>> {
  return encodeMaterial(format, materialOf(processor));
}

/** @throws EnarxError `simulator/malformed`, whatever is wrong with the bytes */
export async function importProcessor(bytes: Uint8Array): Promise<SimulatedProcessor> {
  try {
    const material = await decodeMaterial(format, bytes);
    if (material.chipId.length !== chipIdLength)
      throw new TypeError(`a chip id of ${String(material.chipId.length)} bytes`);
    return await processorOf(material);
  } catch (cause) {
    throw simulatorProblem('simulator/malformed', { found: (cause as Error).message, cause });
  }
}
