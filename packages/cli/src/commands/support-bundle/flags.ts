// SPDX-License-Identifier: Apache-2.0
import type { OutputFlags } from '../../context.ts';
import type { HostFlags } from '../flags.ts';

export interface SupportBundleFlags extends OutputFlags, HostFlags {
  readonly out: string;
}
