// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import type { ImageManifest } from '@enarx/image';
import type { Evidence, Tee } from '@enarx/protocol';

import { keepldrProblem } from '../../problems.ts';
import type { LaunchOptions } from '../backend.ts';
import type { Emulator } from './emulator.ts';
import { isEmulated } from './hardware.ts';
import type { MachineKind } from '../machine-kinds.ts';
import type { MachineOptions } from './machine.ts';
import type { Qmp } from './qmp.ts';

/** What one launch of a machine is about, beyond starting QEMU. */
export interface MachinePlan {
  /** What the guest is told. */
  readonly tee: Tee;
  /** The machine that QEMU is told to make: a plain one where the hardware is emulated. */
  readonly kind: MachineKind;
  readonly accelerator: MachineOptions['accelerator'];
  /** Resolves with what QEMU needs on its command line; rejects when there will be no launch. */
  readonly security: Promise<Pick<MachineOptions, 'sev' | 'snp'>>;
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

/** @throws EnarxError `keepldr/simulator-missing`, `keepldr/sev-platform-missing` */
export async function planOf(kind: MachineKind, inputs: PlanInputs): Promise<MachinePlan> {
  switch (kind) {
    case 'vm':
      return emulatedPlan(inputs);
    case 'sev':
    case 'sev-es':
      if (isEmulated(kind)) return (await import('./sev-emulated.ts')).emulatedSevPlan(kind, inputs);
      return (await import('./sev-hardware.ts')).hardwareSevPlan(kind, inputs);
    case 'snp': {
      const { sevCapabilities } = await import('./sev-hardware.ts');
      return bornInside(
        kind,
        sevCapabilities(inputs).then(({ cbitpos, reducedPhysBits }) => ({
          // SMT allowed, and bit 17, which must be one; neither debugging nor migration.
          snp: { policy: 0x3_0000n, cbitpos, reducedPhysBits },
        })),
      );
    }
    case 'tdx':
      return bornInside(kind, Promise.resolve({}));
  }
}

async function emulatedPlan({ options, image, manifest, vcpus }: PlanInputs): Promise<MachinePlan> {
  const { simulator, accelerator = 'tcg' } = options;
  if (simulator === undefined) throw keepldrProblem('keepldr/simulator-missing');
  const { launchSimulatedMachine } = await import('./simulated-launch.ts');
  const processor = launchSimulatedMachine({ image, commandLine: manifest.commandLine, vcpus, simulator });
  processor.catch(() => undefined);
  return {
    tee: 'vm',
    kind: 'vm',
    accelerator,
    security: Promise.resolve({}),
    ready: Promise.resolve(),
    report: async (reportData) => (await processor).report(reportData),
    repeatable: true,
  };
}

/** Kinds whose guests make their key inside and ask their processor by themselves. */
function bornInside(kind: 'snp' | 'tdx', security: MachinePlan['security']): MachinePlan {
  return {
    tee: kind,
    kind,
    accelerator: 'kvm',
    security,
    ready: Promise.resolve(),
    report: () =>
      Promise.reject(
        keepldrProblem('keepldr/report-failed', {
          found: 'a guest that has to ask its own kernel for evidence',
        }),
      ),
    repeatable: false,
  };
}
