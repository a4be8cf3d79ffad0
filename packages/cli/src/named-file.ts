// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';

import { cliProblem } from './problems.ts';

/**
 * The text of a file that the command line names.
 * @throws EnarxError `cli/file-unreadable`
 */
export async function readNamedFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw cliProblem('cli/file-unreadable', { found: (cause as Error).message, cause });
  }
}
