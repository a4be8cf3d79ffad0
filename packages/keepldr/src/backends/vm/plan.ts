// SPDX-License-Identifier: Apache-2.0
import { keepldrProblem } from '../../problems.ts';
import type { MachineKind } from '../machine-kinds.ts';
import { isEmulated } from './hardware.ts';
import type { MachinePlan, PlanInputs } from './machine-plan.ts';
import { findQuoteService } from './quote-service.ts';

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
      return bornInside(kind, Promise.resolve({ tdx: { quoteService: findQuoteService() } }));
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
