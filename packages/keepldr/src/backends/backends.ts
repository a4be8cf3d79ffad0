// SPDX-License-Identifier: Apache-2.0
import type { Tee } from '@enarx/protocol';

import { keepldrProblem } from '../problems.ts';
import type { Backend } from './backend.ts';
import { sim } from './sim/sim.ts';

/** A machine takes longer to boot than its module to load, and the others need not pay for it. */
const vm: Backend = {
  tee: 'vm',
  probe: async () => (await import('./vm/probe.ts')).probeVm(),
  launch: async (options) => (await import('./vm/vm.ts')).launchVm(options),
};

const backends: readonly Backend[] = [sim, vm];

/** @throws EnarxError `tee/unsupported` */
export function backendFor(tee: Tee): Backend {
  const backend = backends.find((known) => known.tee === tee);
  if (backend === undefined) throw keepldrProblem('tee/unsupported', { found: tee });
  return backend;
}
