// SPDX-License-Identifier: Apache-2.0
import type { OutputFlags } from '../../context.ts';
import type { MachineFlags, TrustFlags, WorkloadFlags } from '../flags.ts';

export interface RunFlags extends OutputFlags, TrustFlags, WorkloadFlags, MachineFlags {
  readonly host: string | undefined;
  readonly tee: string;
  readonly verbose: boolean;
}
