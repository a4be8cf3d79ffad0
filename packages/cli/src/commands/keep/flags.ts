// SPDX-License-Identifier: Apache-2.0
import type { OutputFlags } from '../../context.ts';
import type { ExpectationFlags, HostFlags, MachineFlags, TrustFlags, WorkloadFlags } from '../flags.ts';

export interface KeepFlags extends OutputFlags, HostFlags {}

export interface CreateFlags extends KeepFlags, MachineFlags, Omit<TrustFlags, 'policy'> {
  readonly tee: string;
  readonly lease: string | undefined;
}

export interface RenewFlags extends KeepFlags {
  readonly lease: string;
}

export interface AttestFlags extends KeepFlags, TrustFlags, ExpectationFlags {
  readonly verbose: boolean;
}

export interface KeepRunFlags extends AttestFlags, WorkloadFlags {
  readonly detach: boolean;
}

export interface RemoveFlags extends KeepFlags {
  readonly all: boolean;
}
