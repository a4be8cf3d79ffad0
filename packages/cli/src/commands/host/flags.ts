// SPDX-License-Identifier: Apache-2.0
import type { OutputFlags } from '../../context.ts';
import type { HostFlags } from '../flags.ts';

export interface HostCommandFlags extends OutputFlags, HostFlags {}

export interface SupportBundleFlags extends HostCommandFlags {
  readonly out: string;
}
