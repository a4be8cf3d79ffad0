// SPDX-License-Identifier: Apache-2.0
import {
  commandLineDigest,
  firmwareDigest,
  readFirmware,
  sevEsLaunchDigest,
  sevLaunchDigest,
  snpLaunchDigest,
  tdxLaunchDigest,
  vcpuSignatureOf,
  type BootHashes,
} from '@enarx/attestation/measure';
import { toHex } from '@enarx/protocol';

import type { ImageManifest } from './manifest.ts';

/** Processors that QEMU can name and that hosts with SEV-SNP have; the first is what keepldr asks for. */
export const processorTypes = ['EPYC-v4', 'EPYC-Rome', 'EPYC-Milan', 'EPYC-Genoa'] as const;

export interface LaunchInputs {
  readonly firmware: Uint8Array;
  readonly tdxFirmware: Uint8Array;
  /** SHA-256, lower-case hexadecimal. */
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
  readonly vcpus: readonly number[];
}

/** What each kind of processor will measure of an image, as keepldr starts it. */
export async function launchDigests(inputs: LaunchInputs): Promise<ImageManifest['digests']> {
  const { firmware, vcpus } = inputs;
  const boot: BootHashes = {
    kernel: Buffer.from(inputs.kernel, 'hex'),
    initrd: Buffer.from(inputs.initrd, 'hex'),
    commandLine: await commandLineDigest(inputs.commandLine),
  };
  // Four megabytes of firmware are hashed once, not once for each row.
  const known = { layout: readFirmware(firmware), digest: await firmwareDigest(firmware) };
  const launches = vcpus.flatMap((count) =>
    processorTypes.map((type) => ({ type, vcpus: { count, signature: vcpuSignatureOf(type) } })),
  );
  return {
    snp: await Promise.all(
      launches.map(async (launch) => ({
        vcpus: launch.vcpus.count,
        type: launch.type,
        digest: toHex(
          await snpLaunchDigest({ firmware: known, vmm: 'qemu', vcpus: launch.vcpus, features: 1n, boot }),
        ),
      })),
    ),
    sev: [{ digest: toHex(await sevLaunchDigest({ firmware, boot })) }],
    'sev-es': await Promise.all(
      launches.map(async (launch) => ({
        vcpus: launch.vcpus.count,
        type: launch.type,
        digest: toHex(await sevEsLaunchDigest({ firmware, boot, vcpus: launch.vcpus, legacyVmType: true })),
      })),
    ),
    tdx: [{ digest: toHex(await tdxLaunchDigest(inputs.tdxFirmware)) }],
  };
}
