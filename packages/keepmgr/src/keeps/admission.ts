// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

import { keepmgrProblem } from '../problems.ts';

/**
 * Refuses a Keep that the machine would not bear: once memory is short the kernel kills somebody, and it need not be the one
 * who asked.
 *
 * @param reserve - MiB that must be available
 * @throws EnarxError `keepmgr/host-busy`
 */
export function admit(reserve: number, meminfo = '/proc/meminfo'): void {
  let available: number;
  try {
    available = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync(meminfo, 'latin1'))?.[1]) / 1024;
  } catch (cause) {
    // Out of descriptors: there would be none for a Keep either.
    throw keepmgrProblem('keepmgr/host-busy', { found: (cause as Error).message, cause });
  }
  if (available < reserve) {
    throw keepmgrProblem('keepmgr/host-busy', {
      found: `${available.toFixed(0)} MiB of memory`,
      expected: `${String(reserve)} MiB`,
    });
  }
}
