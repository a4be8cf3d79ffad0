// SPDX-License-Identifier: Apache-2.0
import type { OutputFlags } from '../../context.ts';
import type { HostFlags, MachineFlags, TrustFlags, WorkloadFlags } from '../flags.ts';

export interface RunFlags extends OutputFlags, HostFlags, TrustFlags, WorkloadFlags, MachineFlags {
  readonly tee: string;
  readonly verbose: boolean;
}
