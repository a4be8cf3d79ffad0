// SPDX-License-Identifier: Apache-2.0
import { createHash, X509Certificate } from 'node:crypto';
import { link, readFile, rm } from 'node:fs/promises';

import { keepmgrProblem } from './problems.ts';
import { replaceFile, writeTemporary } from './state/durable.ts';

export interface ProcessorFiles {
  /** The processor with its keys. */
  readonly file: string;
  /** Its root certificate (PEM), which a client must be given by name to accept simulated evidence. */
  readonly anchorFile: string;
}

export interface SimulatedAnchor extends ProcessorFiles {
  /** SHA-256 of the root's SubjectPublicKeyInfo, in lower-case hexadecimal: how clients pin anchors. */
  readonly fingerprint: string;
}

/**
 * The simulated processor of this host, made on first use, which takes seconds: its root has an RSA key of 4096 bits, as
 * AMD's has. Processes may race for the first use; whoever is first to finish wins, and the others take that one.
 *
 * @throws EnarxError `keepmgr/simulator-unreadable`
 */
export async function ensureSimulatedProcessor(files: ProcessorFiles): Promise<SimulatedAnchor> {
  try {
    await makeUnlessThere(files);
    const { publicKey } = new X509Certificate(await readFile(files.anchorFile));
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    return { ...files, fingerprint: createHash('sha256').update(spki).digest('hex') };
  } catch (cause) {
    throw keepmgrProblem('keepmgr/simulator-unreadable', { found: (cause as Error).message, cause });
  }
}

async function makeUnlessThere({ file, anchorFile }: ProcessorFiles): Promise<void> {
  if ((await exists(file)) && (await exists(anchorFile))) return;
  const { createSimulatedProcessor, exportProcessor, importProcessor } = await import('@enarx/simulator');
  if (!(await exists(file))) {
    const temporary = await writeTemporary(
      file,
      await exportProcessor(await createSimulatedProcessor()),
      0o600,
    );
    // A link, unlike a rename, never replaces what another process has linked first.
    await link(temporary, file).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
    await rm(temporary, { force: true });
  }
  // Made of what is on disk, not of what was made here: they may differ.
  const processor = await importProcessor(await readFile(file));
  await replaceFile(anchorFile, processor.anchorPem, 0o644);
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
