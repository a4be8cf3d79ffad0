// SPDX-License-Identifier: Apache-2.0
import type { OutputFlags } from '../../context.ts';

export interface KeepmgrFlags extends OutputFlags {
  readonly listen: readonly string[] | undefined;
  readonly config: string | undefined;
  readonly state: string | undefined;
  readonly simulator: string | undefined;
  readonly anchor: string | undefined;
  readonly allowListen: readonly string[] | undefined;
  readonly allowDial: readonly string[] | undefined;
  readonly sevPlatform: string | undefined;
  readonly sevAnchor: string | undefined;
  readonly image: string | undefined;
}
