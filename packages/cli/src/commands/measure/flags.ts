// SPDX-License-Identifier: Apache-2.0
import type { OutputFlags } from '../../context.ts';

export interface FirmwareFlags extends OutputFlags {
  readonly firmware: string;
}

/** What is loaded before the guest runs. */
export interface GuestFlags extends FirmwareFlags {
  readonly kernel: string | undefined;
  readonly initrd: string | undefined;
  readonly append: string | undefined;
}

/** What its processors begin with. */
export interface ProcessorFlags {
  readonly vcpus: string;
  readonly vcpuType: string | undefined;
  readonly vcpuSignature: string | undefined;
}

export interface SevEsFlags extends GuestFlags, ProcessorFlags {
  readonly guestFeatures: string;
  readonly legacyVmType: boolean;
}

export interface SnpFlags extends GuestFlags, ProcessorFlags {
  readonly guestFeatures: string;
  readonly vmm: 'qemu' | 'ec2' | 'gce';
  readonly rdx: string | undefined;
  readonly svsm: string | undefined;
  readonly svsmVariables: string | undefined;
  readonly guestPolicy: string | undefined;
  readonly familyId: string | undefined;
  readonly imageId: string | undefined;
  readonly guestSvn: string | undefined;
  readonly idAuth: string | undefined;
}
