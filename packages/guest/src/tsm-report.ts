// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { guestProblem } from './problems.ts';

/** Where configfs shows the kernel's report interface (Linux Documentation/ABI/testing/configfs-tsm-report). */
export const tsmDirectory = '/sys/kernel/config/tsm/report';

export interface TsmReport {
  /** `sev_guest` or `tdx_guest`, as the driver calls itself. */
  readonly provider: string;
  readonly outblob: Uint8Array;
  /** Certificates that the host passed to the guest; empty when there are none. */
  readonly auxblob: Uint8Array;
}

const attempts = 5;

/**
 * Has the processor report over 64 bytes.
 *
 * The kernel makes a new report whenever an attribute was written since the last one, so another process that knew our entry could slip its own input between our
 * write and our read. The entry has a name of its own, and its write counter must stand where our writes have brought it; otherwise all begins anew.
 *
 * @param reportData - 64 bytes; `sev_guest` takes no other length
 * @throws EnarxError `guest/evidence-unavailable`
 */
export async function tsmReport(reportData: Uint8Array, directory = tsmDirectory): Promise<TsmReport> {
  let cause: unknown = new Error('no attempt was made');
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const entry = await makeEntry(directory);
    try {
      const report = await readReport(entry, reportData);
      if (report !== undefined) return report;
      cause = new Error('another process wrote to the entry');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // EBUSY and EWOULDBLOCK: the report was superseded while it was read. The rest will not mend itself.
      if (code !== 'EBUSY' && code !== 'EAGAIN') throw unavailable(error);
      cause = error;
    } finally {
      await rmdir(entry).catch(() => undefined);
    }
  }
  throw unavailable(cause);
}

async function makeEntry(directory: string): Promise<string> {
  try {
    return await mkdtemp(join(directory, 'enarx-'));
  } catch (error) {
    throw unavailable(error);
  }
}

/** `undefined` when the entry was written to by somebody else. */
async function readReport(entry: string, reportData: Uint8Array): Promise<TsmReport | undefined> {
  const before = await generation(entry);
  await writeFile(join(entry, 'inblob'), reportData);
  const expected = before + 1n;
  const provider = (await readFile(join(entry, 'provider'), 'utf8')).trim();
  // Reading either blob makes the report; the other then belongs to the same one.
  const auxblob = await readFile(join(entry, 'auxblob'));
  if ((await generation(entry)) !== expected) return undefined;
  const outblob = await readFile(join(entry, 'outblob'));
  if ((await generation(entry)) !== expected) return undefined;
  return { provider, outblob, auxblob };
}

async function generation(entry: string): Promise<bigint> {
  return BigInt((await readFile(join(entry, 'generation'), 'utf8')).trim());
}

function unavailable(cause: unknown): Error {
  return guestProblem('guest/evidence-unavailable', { found: (cause as Error).message, cause });
}
