// SPDX-License-Identifier: Apache-2.0
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { keepmgrProblem } from './problems.ts';

const programs = ['keepldr.js', 'wasmldr.js', 'runner.js'];

/**
 * Version of the release in a directory, once all that a Keep needs is seen to be there.
 * @throws EnarxError `keepmgr/release-unreadable`
 */
export async function readRelease(directory: string): Promise<string> {
  try {
    await Promise.all(programs.map((name) => access(join(directory, name))));
    const { release } = JSON.parse(await readFile(join(directory, 'release.json'), 'utf8')) as {
      release?: unknown;
    };
    if (typeof release !== 'string' || release.length === 0 || release.length > 64)
      throw new Error('release.json names no release');
    return release;
  } catch (cause) {
    throw keepmgrProblem('keepmgr/release-unreadable', { found: (cause as Error).message, cause });
  }
}
