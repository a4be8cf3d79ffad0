// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { fromHex, type Tee } from '@enarx/protocol';

import { cliProblem } from '../problems.ts';

/** `release.json`. */
interface Manifest {
  readonly release: string;
  readonly measurements: Readonly<Partial<Record<string, string>>>;
}

/** The version of the release in a directory. @throws EnarxError `cli/release-unreadable` */
export async function releaseVersion(release: string): Promise<string> {
  return (await readManifest(release)).release;
}

/**
 * What the loader beside this very command measures as.
 * @throws EnarxError `cli/release-unreadable`, `cli/no-release-measurement`
 */
export async function releaseMeasurement(release: string, tee: Tee): Promise<Uint8Array> {
  const { measurements } = await readManifest(release);
  const measurement = measurements[tee];
  if (measurement === undefined) throw cliProblem('cli/no-release-measurement', { found: tee });
  const digest = fromHex(measurement);
  if (digest === undefined)
    throw cliProblem('cli/release-unreadable', { found: `measurement ${measurement}` });
  return digest;
}

async function readManifest(release: string): Promise<Manifest> {
  try {
    return JSON.parse(await readFile(join(release, 'release.json'), 'utf8')) as Manifest;
  } catch (cause) {
    throw cliProblem('cli/release-unreadable', { found: (cause as Error).message, cause });
  }
}
