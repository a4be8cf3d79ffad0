// SPDX-License-Identifier: Apache-2.0
import type { OutputFlags } from '../../context.ts';

export interface ImageFlags extends OutputFlags {
  readonly image: string | undefined;
}

export interface BuildFlags extends ImageFlags {
  readonly packages: string | undefined;
  readonly mirror: string | undefined;
  readonly kernel: string | undefined;
  readonly modules: string | undefined;
  readonly firmware: string | undefined;
  readonly tdxFirmware: string | undefined;
  readonly node: string | undefined;
  readonly vcpus: string | undefined;
}
