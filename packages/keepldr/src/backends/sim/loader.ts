// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  loaderImage,
  loaderMeasurement,
  loaderSevMeasurement,
  type LoaderImage,
} from '@enarx/attestation/measure';

import { keepldrProblem } from '../../problems.ts';
import { loaderArguments, loaderFiles } from './loader-command.ts';

/**
 * Reads the very files that a launch starts and lays them out as they are measured.
 *
 * @param release - directory of the release
 * @throws EnarxError `keepldr/release-unreadable`
 */
export async function readSimLoader(release: string): Promise<LoaderImage> {
  const [wasmldr, runner] = await Promise.all(loaderFiles.map((name) => readReleaseFile(release, name)));
  return loaderImage({
    wasmldr: wasmldr as Uint8Array,
    runner: runner as Uint8Array,
    arguments: loaderArguments,
  });
}

/** Launch measurement of a release's loader in a simulated TEE, 48 bytes: what its clients expect evidence to show. */
export async function measureSimLoader(release: string): Promise<Uint8Array> {
  return loaderMeasurement(await readSimLoader(release));
}

/** The same of one in a simulated SEV guest, 32 bytes. */
export async function measureSimSevLoader(release: string): Promise<Uint8Array> {
  return loaderSevMeasurement(await readSimLoader(release));
}

async function readReleaseFile(release: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(join(release, name));
  } catch (cause) {
    throw keepldrProblem('keepldr/release-unreadable', { found: name, cause });
  }
}
