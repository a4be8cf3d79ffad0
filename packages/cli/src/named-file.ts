// SPDX-License-Identifier: Apache-2.0
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';

import { joinBytes } from '@enarx/protocol';

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

/**
 * The bytes of a file that the command line names. It may be a pipe or a device, so it is read until it ends or there are
 * enough: whoever takes the bytes refuses what is larger than it takes.
 * @param most - reading stops there
 * @throws EnarxError `cli/file-unreadable`
 */
export async function readNamedBytes(path: string, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  try {
    // The end is inclusive.
    for await (const chunk of createReadStream(path, { end: most - 1 }) as AsyncIterable<Uint8Array>)
      chunks.push(chunk);
  } catch (cause) {
    throw cliProblem('cli/file-unreadable', { found: (cause as Error).message, cause });
  }
  return joinBytes(chunks);
}

/**
 * Writes a file that must not exist yet.
 * @param mode - who may read it; what the umask leaves where it is left out
 * @throws EnarxError `cli/file-unwritable`
 */
export async function writeNewFile(path: string, content: string | Uint8Array, mode = 0o666): Promise<void> {
  try {
    await writeFile(path, content, { flag: 'wx', mode });
  } catch (cause) {
    throw cliProblem('cli/file-unwritable', { found: (cause as Error).message, cause });
  }
}
