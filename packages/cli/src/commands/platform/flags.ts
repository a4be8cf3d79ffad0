// SPDX-License-Identifier: Apache-2.0
import type { OutputFlags } from '../../context.ts';

export interface PlatformFlags extends OutputFlags {
  readonly host: string | undefined;
}
