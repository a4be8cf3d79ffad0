// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  commandLineDigest,
  sevEsLaunchParts,
  sevLaunchParts,
  vcpuSignatureOf,
  type SevLaunchParts,
} from '@enarx/attestation/measure';
import { imageFiles } from '@enarx/image';

import { keepldrProblem } from '../../problems.ts';
import { Provisioning } from '../launch-secret/provisioning.ts';
import { SimulatedFirmware } from '../launch-secret/simulated.ts';
import { noEvidence } from '../sim/sim-sev.ts';
import { digestOf } from './file-digest.ts';
import { cpuModels } from './machine.ts';
import type { MachinePlan, PlanInputs } from './machine-plan.ts';

/**
 * The launch secret's flow in emulation: the firmware's side is SIMULATED, in the real formats over the real image, and QEMU starts the same image without encrypting its memory. The
 * table of secrets reaches the guest by its device, since there is no firmware that would put it into its memory.
 */
export function emulatedSevPlan(kind: 'sev' | 'sev-es', inputs: PlanInputs): MachinePlan {
  const { sevPlatform, accelerator = 'tcg' } = inputs.options;
  if (sevPlatform === undefined) throw keepldrProblem('keepldr/sev-platform-missing');
  const firmware = new SimulatedFirmware(sevPlatform, () => partsOf(kind, inputs));
  const provisioning = new Provisioning(firmware);
  return {
    tee: kind,
    kind: 'vm',
    accelerator,
    security: Promise.resolve({}),
    ready: provisioning.finished,
    secret: firmware.injected,
    report: noEvidence,
    provision: (connection) => {
      provisioning.serve(connection);
    },
    repeatable: true,
  };
}

/** What QEMU's SEV loads: firmware and the table of hashes, and for SEV-ES the first registers of each processor. */
async function partsOf(
  kind: 'sev' | 'sev-es',
  { image, manifest, vcpus }: PlanInputs,
): Promise<SevLaunchParts> {
  const [firmware, kernel, initrd, commandLine] = await Promise.all([
    readFile(join(image, imageFiles.firmware)),
    digestOf(join(image, imageFiles.kernel)),
    digestOf(join(image, imageFiles.initrd)),
    commandLineDigest(manifest.commandLine),
  ]);
  const launch = { firmware, boot: { kernel, initrd, commandLine } };
  if (kind === 'sev') return sevLaunchParts(launch);
  const signature = vcpuSignatureOf(cpuModels['sev-es']);
  return sevEsLaunchParts({ ...launch, vcpus: { count: vcpus, signature }, legacyVmType: true });
}
