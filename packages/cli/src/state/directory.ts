// SPDX-License-Identifier: Apache-2.0
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

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
    await mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  } catch (cause) {
    throw cliProblem('cli/state-unusable', { found: (cause as Error).message, cause });
  }
}
