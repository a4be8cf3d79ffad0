// SPDX-License-Identifier: Apache-2.0
import type { Tee } from '@enarx/protocol';

import { keepldrProblem } from '../problems.ts';
import type { Backend } from './backend.ts';
import { sim } from './sim/sim.ts';

const backends: readonly Backend[] = [sim];

/** @throws EnarxError `tee/unsupported` */
export function backendFor(tee: Tee): Backend {
  const backend = backends.find((known) => known.tee === tee);
  if (backend === undefined) throw keepldrProblem('tee/unsupported', { found: tee });
  return backend;
}
