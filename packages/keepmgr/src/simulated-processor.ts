// SPDX-License-Identifier: Apache-2.0
import { createHash, createPublicKey } from 'node:crypto';
import { link, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

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

/** What stands in for hardware on one host. */
export interface SimulatedHardware {
  /** Is being made, or read. */
  readonly simulator: Promise<SimulatedAnchor>;
  /** Made, or read, when the first Keep needs it. */
  readonly sevPlatform: () => Promise<SimulatedAnchor>;
}

/** @param directory - of those whose files are not named */
export function simulatedHardware(
  directory: string,
  named: {
    readonly simulator?: ProcessorFiles | undefined;
    readonly sevPlatform?: ProcessorFiles | undefined;
  },
): SimulatedHardware {
  const {
    simulator = { file: join(directory, 'simulator.cbor'), anchorFile: join(directory, 'anchor.pem') },
    sevPlatform = {
      file: join(directory, 'sev-platform.cbor'),
      anchorFile: join(directory, 'sev-anchor.pem'),
    },
  } = named;
  let made: Promise<SimulatedAnchor> | undefined;
  return {
    simulator: ensureSimulatedProcessor(simulator),
    sevPlatform: () => (made ??= ensureSimulatedSevPlatform(sevPlatform)),
  };
}

/**
 * The simulated processor of this host, made on first use, which takes seconds: its root has an RSA key of 4096 bits, as
 * AMD's has. Processes may race for the first use; whoever is first to finish wins, and the others take that one.
 *
 * @throws EnarxError `keepmgr/simulator-unreadable`
 */
export function ensureSimulatedProcessor(files: ProcessorFiles): Promise<SimulatedAnchor> {
  // Loaded only where something is made: it is large, and most daemons find their processor made.
  const simulator = () => import('@enarx/simulator');
  return ensure(files, {
    make: async () => {
      const { createSimulatedProcessor, exportProcessor } = await simulator();
      return exportProcessor(await createSimulatedProcessor());
    },
    anchorOf: async (bytes) => (await (await simulator()).importProcessor(bytes)).anchorPem,
  });
}

/**
 * The simulated SEV platform of this host, for launches with a secret, in the same way.
 * @throws EnarxError `keepmgr/simulator-unreadable`
 */
export function ensureSimulatedSevPlatform(files: ProcessorFiles): Promise<SimulatedAnchor> {
  const simulator = () => import('@enarx/simulator/sev');
  return ensure(files, {
    make: async () => {
      const { createSimulatedSevPlatform, exportSevPlatform } = await simulator();
      return exportSevPlatform(await createSimulatedSevPlatform());
    },
    anchorOf: async (bytes) => (await (await simulator()).importSevPlatform(bytes)).anchorPem,
  });
}

interface Made {
  /** The new file's content. */
  readonly make: () => Promise<Uint8Array>;
  readonly anchorOf: (bytes: Uint8Array) => Promise<string>;
}

async function ensure(files: ProcessorFiles, made: Made): Promise<SimulatedAnchor> {
  try {
    await makeUnlessThere(files, made);
    const spki = createPublicKey(await readFile(files.anchorFile)).export({ type: 'spki', format: 'der' });
    return { ...files, fingerprint: createHash('sha256').update(spki).digest('hex') };
  } catch (cause) {
    throw keepmgrProblem('keepmgr/simulator-unreadable', { found: (cause as Error).message, cause });
  }
}

async function makeUnlessThere(
  { file, anchorFile }: ProcessorFiles,
  { make, anchorOf }: Made,
): Promise<void> {
  if ((await exists(file)) && (await exists(anchorFile))) return;
  if (!(await exists(file))) {
    const temporary = await writeTemporary(file, await make(), 0o600);
    // A link, unlike a rename, never replaces what another process has linked first.
    await link(temporary, file).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
    await rm(temporary, { force: true });
  }
  // Made of what is on disk, not of what was made here: they may differ.
  await replaceFile(anchorFile, await anchorOf(await readFile(file)), 0o644);
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
