// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { commandLineDigest, snpLaunchDigest, vcpuSignatureOf } from '@enarx/attestation/measure';
import { imageFiles } from '@enarx/image';
import type { Evidence } from '@enarx/protocol';
import { importProcessor } from '@enarx/simulator';

import { digestOf } from './file-digest.ts';
import { cpuModels } from './machine.ts';

export interface SimulatedMachine {
  /** Directory of the image that QEMU loads. */
  readonly image: string;
  readonly commandLine: string;
  readonly vcpus: number;
  /** File of the simulated processor. */
  readonly simulator: string;
}

/**
 * A launch on the simulated processor, measured as SEV-SNP measures one: firmware, hash table, first registers. Emulation boots without the firmware, which
 * would load nothing outside of SEV; the digest is that of the same machine with it.
 */
export async function launchSimulatedMachine(
  machine: SimulatedMachine,
): Promise<{ report(reportData: Uint8Array): Promise<Evidence> }> {
  const { image, commandLine, vcpus, simulator } = machine;
  const [processor, firmware, kernel, initrd, line] = await Promise.all([
    readFile(simulator).then((bytes) => importProcessor(bytes)),
    readFile(join(image, imageFiles.firmware)),
    digestOf(join(image, imageFiles.kernel)),
    digestOf(join(image, imageFiles.initrd)),
    commandLineDigest(commandLine),
  ]);
  const measurement = snpLaunchDigest({
    firmware,
    vmm: 'qemu',
    vcpus: { count: vcpus, signature: vcpuSignatureOf(cpuModels.snp) },
    features: 1n,
    boot: { kernel, initrd, commandLine: line },
  });
  return processor.launch(measurement);
}
