// SPDX-License-Identifier: Apache-2.0
import type { Tee } from '@enarx/protocol';

import { keepldrProblem } from '../problems.ts';
import type { Backend } from './backend.ts';
import { sim } from './sim/sim.ts';
import type { MachineKind } from './machine-kinds.ts';

/** What only some Keeps need is loaded for those. */
const simSev: Backend = {
  tee: 'sim-sev',
  probe: async () => (await import('./sim/sim-sev.ts')).simSev.probe(),
  launch: async (options) => (await import('./sim/sim-sev.ts')).simSev.launch(options),
};

/** @param tee - a kind whose Keeps are machines */
function machine(tee: MachineKind): Backend {
  return {
    tee,
    probe: async () => (await import('./vm/probe.ts')).probeMachine(tee),
    launch: async (options) => (await import('./vm/vm.ts')).launchMachine(tee, options),
  };
}

const backends: readonly Backend[] = [
  sim,
  simSev,
  machine('vm'),
  machine('snp'),
  machine('sev'),
  machine('sev-es'),
  machine('tdx'),
];

export function findBackend(tee: Tee): Backend | undefined {
  return backends.find((known) => known.tee === tee);
}

/** @throws EnarxError `tee/unsupported` */
export function backendFor(tee: Tee): Backend {
  const backend = findBackend(tee);
  if (backend === undefined) throw keepldrProblem('tee/unsupported', { found: tee });
  return backend;
}
