// SPDX-License-Identifier: Apache-2.0
import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { keepmgrProblem } from '../problems.ts';
import { lockStateDirectory } from './lock.ts';

/** The one place where a daemon keeps everything. */
export interface StateDirectory {
  /** Absolute path. */
  readonly path: string;
  /** Where Keeps have their directories. */
  readonly keeps: string;
  /** A short path of the loaders' socket, valid in this process only: socket paths are limited to 107 bytes. */
  readonly loaderSocket: string;
  /** The same socket, seen from a Keep's directory. */
  readonly loaderSocketFromKeep: string;
  /** Gives the directory back. */
  release(): void;
}

/**
 * Opens, or makes, the state directory and locks it.
 * @throws EnarxError `keepmgr/state-unusable`, `keepmgr/state-locked`
 */
export function openStateDirectory(given: string): StateDirectory {
  const path = resolve(given);
  const keeps = join(path, 'keeps');
  let descriptor: number;
  try {
    makeDirectory(keeps);
    const { uid } = statSync(path);
    if (uid !== process.getuid?.()) throw new Error(`it belongs to user ${String(uid)}`);
    // Tokens, records and the simulated processor's keys are in it, and whoever reaches the socket is asked for a token only.
    chmodSync(path, 0o700);
    descriptor = openSync(path, 'r');
  } catch (cause) {
    throw keepmgrProblem('keepmgr/state-unusable', { found: `${path}: ${(cause as Error).message}`, cause });
  }
  let unlock: () => void;
  try {
    unlock = lockStateDirectory(path);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return {
    path,
    keeps,
    loaderSocket: `/proc/self/fd/${String(descriptor)}/keepldr.sock`,
    loaderSocketFromKeep: '../../keepldr.sock',
    release: () => {
      unlock();
      closeSync(descriptor);
    },
  };
}

/** With what is missing above it. Node's own recursive mkdir never ends where the kernel answers ENOENT below a directory that is there, as it does in /proc. */
function makeDirectory(path: string, again = true): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    if (code !== 'ENOENT' || !again || dirname(path) === path) throw error;
    makeDirectory(dirname(path));
    makeDirectory(path, false);
  }
}
