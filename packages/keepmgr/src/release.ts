// SPDX-License-Identifier: Apache-2.0
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { keepmgrProblem } from './problems.ts';

const programs = ['keepldr.js', 'wasmldr.cjs', 'runner.cjs'];

export interface Release {
  readonly version: string;
  /** What it says of itself: the version, and what its loaders are measured as. */
  readonly description: string;
}

/**
 * The release in a directory, once all that a Keep needs is seen to be there.
 * @throws EnarxError `keepmgr/release-unreadable`
 */
export async function readRelease(directory: string): Promise<Release> {
  try {
    await Promise.all(programs.map((name) => access(join(directory, name))));
    const description = await readFile(join(directory, 'release.json'), 'utf8');
    const { release } = JSON.parse(description) as { release?: unknown };
    if (typeof release !== 'string' || release.length === 0 || release.length > 64)
      throw new Error('release.json names no release');
    return { version: release, description };
  } catch (cause) {
    throw keepmgrProblem('keepmgr/release-unreadable', { found: (cause as Error).message, cause });
  }
}
