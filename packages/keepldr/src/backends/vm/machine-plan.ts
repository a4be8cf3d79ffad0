// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import type { ImageManifest } from '@enarx/image';
import type { Evidence, Tee } from '@enarx/protocol';

import type { LaunchOptions } from '../backend.ts';
import type { MachineKind } from '../machine-kinds.ts';
import type { Emulator } from './emulator.ts';
import type { MachineOptions, MachineSecurity } from './machine.ts';
import type { Qmp } from './qmp.ts';

/** What one launch of a machine is about, beyond starting QEMU. */
export interface MachinePlan {
  /** What the guest is told. */
  readonly tee: Tee;
  /** The machine that QEMU is told to make: a plain one where the hardware is emulated. */
  readonly kind: MachineKind;
  readonly accelerator: MachineOptions['accelerator'];
  /** Resolves with what QEMU needs on its command line; rejects when there will be no launch. */
  readonly security: Promise<MachineSecurity>;
  /** Called with QEMU's control connection while the guest has not run yet. */
  readonly loaded?: (qmp: Qmp) => void;
  /** The guest runs from here on; rejects when it never will. */
  readonly ready: Promise<unknown>;
  /** What a simulated launch hands the guest. */
  readonly secret?: Promise<Uint8Array> | undefined;
  /** Evidence for a guest that cannot ask its processor. */
  readonly report: (reportData: Uint8Array) => Promise<Evidence>;
  readonly provision?: (connection: Duplex) => void;
  /** A launch on hardware is measured once, and its secret is for that launch. */
  readonly repeatable: boolean;
}

export interface PlanInputs {
  readonly options: LaunchOptions;
  readonly image: string;
  readonly manifest: ImageManifest;
  readonly vcpus: number;
  readonly emulator: Emulator;
}
