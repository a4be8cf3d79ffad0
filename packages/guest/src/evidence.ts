// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

import type { Evidence } from '@enarx/protocol';

import { guestProblem } from './problems.ts';
import { tsmDirectory, tsmReport } from './tsm-report.ts';

/**
 * The processor's own evidence, where the kernel offers it; `undefined` on a machine without, where the host's device answers in the place of a processor. A host
 * could take the kernel's interface away, and would then have to make evidence itself: it has no key for that.
 */
export function kernelEvidence(
  directory = tsmDirectory,
): ((reportData: Uint8Array) => Promise<Evidence>) | undefined {
  if (!hasProvider(directory)) return undefined;
  return async (reportData) => {
    const { provider, outblob, auxblob } = await tsmReport(reportData, directory);
    if (provider !== 'sev_guest')
      throw guestProblem('guest/evidence-unavailable', { found: `provider ${provider}` });
    return { format: 'snp', report: outblob, endorsements: auxblob };
  };
}

/** The directory is there as soon as the kernel's TSM module is; an entry can be made in it only where a processor's driver stands behind it (ENXIO). */
function hasProvider(directory: string): boolean {
  try {
    rmdirSync(mkdtempSync(join(directory, 'enarx-')));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENXIO' || code === 'ENOENT') return false;
    throw guestProblem('guest/evidence-unavailable', { found: (error as Error).message, cause: error });
  }
}
