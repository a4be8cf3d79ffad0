// SPDX-License-Identifier: Apache-2.0
import { mkdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

import type { EnarxContext } from '../context.ts';
import { cliProblem } from '../problems.ts';

type Environment = EnarxContext['process']['env'];

/** `$XDG_STATE_HOME/enarx`, else `~/.local/state/enarx`. A relative XDG_STATE_HOME counts as none, as its specification says. */
export function stateDirectory(env: Environment): string {
  const home = env['XDG_STATE_HOME'];
  const base = home !== undefined && isAbsolute(home) ? home : join(homedir(), '.local', 'state');
  return join(base, 'enarx');
}

/**
 * Makes a directory for its owner only, with those above it.
 * @throws EnarxError `cli/state-unusable`
 */
export async function makePrivate(path: string): Promise<string> {
  try {
    await makeDirectory(path);
    return path;
  } catch (cause) {
    throw cliProblem('cli/state-unusable', { found: (cause as Error).message, cause });
  }
}

/**
 * With what is missing above it. Node's own recursive mkdir never ends where the kernel answers ENOENT below a directory that is
 * there, as it does in /proc, and says ENOENT of a disk that may only be read.
 */
async function makeDirectory(path: string, again = true): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || !again || dirname(path) === path) throw error;
    await makeDirectory(dirname(path));
    await makeDirectory(path, false);
  }
}
