// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readFile, rmdir, writeFile } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { guestProblem } from './problems.ts';

/** Where configfs shows the kernel's report interface (Linux Documentation/ABI/testing/configfs-tsm-report). */
export const tsmDirectory = '/sys/kernel/config/tsm/report';

export interface TsmReport {
  /** `sev_guest` or `tdx_guest`, as the driver calls itself. */
  readonly provider: string;
  readonly outblob: Uint8Array;
  /** Certificates that the host passed to the guest; empty when there are none, as always with TDX. */
  readonly auxblob: Uint8Array;
}

export const amdProvider = 'sev_guest';
export const intelProvider = 'tdx_guest';
const attempts = 5;

/** What is asked of the file system; the kernel's, but in tests. */
export interface TsmFiles {
  mkdtemp(prefix: string): Promise<string>;
  readFile(path: string): Promise<Uint8Array>;
  writeFile(path: string, content: Uint8Array): Promise<void>;
  rmdir(path: string): Promise<void>;
}

const kernelFiles: TsmFiles = {
  mkdtemp: promisify(mkdtemp),
  readFile: promisify(readFile),
  writeFile: promisify(writeFile),
  rmdir: promisify(rmdir),
};

/**
 * Has the processor report over 64 bytes.
 *
 * The kernel makes a new report whenever an attribute was written since the last one, so another process that knew our entry could slip its own input between our
 * write and our read. The entry has a name of its own, and its write counter must stand where our writes have brought it; otherwise all begins anew.
 *
 * @param reportData - 64 bytes; neither driver takes another length
 * @throws EnarxError `guest/evidence-unavailable`
 */
export async function tsmReport(
  reportData: Uint8Array,
  directory = tsmDirectory,
  files: TsmFiles = kernelFiles,
): Promise<TsmReport> {
  let cause: unknown = new Error('no attempt was made');
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const entry = await makeEntry(files, directory);
    try {
      const report = await readReport(files, entry, reportData);
      if (report !== undefined) return report;
      cause = new Error('another process wrote to the entry');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // EBUSY and EWOULDBLOCK: the report was superseded while it was read. The rest will not mend itself.
      if (code !== 'EBUSY' && code !== 'EAGAIN') throw unavailable(error);
      cause = error;
    } finally {
      await files.rmdir(entry).catch(() => undefined);
    }
  }
  throw unavailable(cause);
}

async function makeEntry(files: TsmFiles, directory: string): Promise<string> {
  try {
    return await files.mkdtemp(join(directory, 'enarx-'));
  } catch (error) {
    throw unavailable(error);
  }
}

/** `undefined` when the entry was written to by somebody else. */
async function readReport(
  files: TsmFiles,
  entry: string,
  reportData: Uint8Array,
): Promise<TsmReport | undefined> {
  const read = (name: string): Promise<Uint8Array> => files.readFile(join(entry, name));
  const generation = async (): Promise<bigint> => BigInt(textOf(await read('generation')));
  const before = await generation();
  await files.writeFile(join(entry, 'inblob'), reportData);
  const expected = before + 1n;
  const provider = textOf(await read('provider'));
  // Reading either blob makes the report; the other then belongs to the same one. Only AMD's driver shows the second at all.
  const auxblob = provider === amdProvider ? await read('auxblob') : new Uint8Array(0);
  if ((await generation()) !== expected) return undefined;
  const outblob = await read('outblob');
  if ((await generation()) !== expected) return undefined;
  return { provider, outblob, auxblob };
}

function textOf(content: Uint8Array): string {
  return Buffer.from(content).toString('latin1').trim();
}

function unavailable(cause: unknown): Error {
  return guestProblem('guest/evidence-unavailable', { found: (cause as Error).message, cause });
}
