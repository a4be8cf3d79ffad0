// SPDX-License-Identifier: Apache-2.0

/** Kinds of Keep that are virtual machines and boot a guest image. */
export const machineKinds = ['vm', 'snp', 'sev', 'sev-es', 'tdx'] as const;
export type MachineKind = (typeof machineKinds)[number];

export function isMachineKind(tee: string): tee is MachineKind {
  return (machineKinds as readonly string[]).includes(tee);
}

/** What a machine is given that asks for nothing; memory in MiB. */
export const machineDefaults = { memory: 1024, vcpus: 1 } as const;
