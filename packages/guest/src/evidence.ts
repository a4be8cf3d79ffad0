// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

import type { Evidence } from '@enarx/protocol';

import { guestProblem } from './problems.ts';
import { amdProvider, intelProvider, tsmDirectory, tsmReport, type TsmFiles } from './tsm-report.ts';

/**
 * The processor's own evidence, where the kernel offers it; `undefined` on a machine without, where the host's device answers in the place of a processor. A host
 * could take the kernel's interface away, and would then have to make evidence itself: it has no key for that.
 */
export function kernelEvidence(
  directory = tsmDirectory,
): ((reportData: Uint8Array) => Promise<Evidence>) | undefined {
  if (!hasProvider(directory)) return undefined;
  return (reportData) => evidenceOf(reportData, directory);
}

/** @throws EnarxError `guest/evidence-unavailable` */
export async function evidenceOf(
  reportData: Uint8Array,
  directory: string,
  files?: TsmFiles,
): Promise<Evidence> {
  const { provider, outblob, auxblob } = await tsmReport(reportData, directory, files);
  switch (provider) {
    case amdProvider:
      return { format: 'snp', report: outblob, endorsements: auxblob };
    case intelProvider:
      return { format: 'tdx', report: quoteOf(outblob), endorsements: new Uint8Array(0) };
    default:
      throw guestProblem('guest/evidence-unavailable', { found: `provider ${provider}` });
  }
}

/** The largest quote that the message takes. */
const longestQuote = 16_384;

/** Quoting services fill up with zeros, some to the size of the kernel's buffer. Nothing signs those, and no quote ends in so many. */
function quoteOf(outblob: Uint8Array): Uint8Array {
  if (outblob.length <= longestQuote) return outblob;
  if (outblob.subarray(longestQuote).some((byte) => byte !== 0))
    throw guestProblem('guest/evidence-unavailable', {
      found: `a quote of ${String(outblob.length)} bytes`,
      expected: `at most ${String(longestQuote)}`,
    });
  return outblob.subarray(0, longestQuote);
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
