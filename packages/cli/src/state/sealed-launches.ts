// SPDX-License-Identifier: Apache-2.0
import { createPublicKey } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Check } from '@enarx/attestation';
import { keyDigest } from '@enarx/channel';
import type { SealedLaunch } from '@enarx/client';

import type { EnarxContext } from '../context.ts';
import { cliProblem } from '../problems.ts';
import { makePrivate, stateDirectory } from './directory.ts';

/**
 * What this user knows of launches with a secret: the public half of the key that was sealed for each Keep, by which alone it is known again, and what was checked. The private
 * half was forgotten when it was sealed. A file (mode 0600) in the state directory for each: whoever could write it could pass another Keep off as this one.
 */
export class SealedLaunches {
  readonly #directory: string;

  constructor(env: EnarxContext['process']['env']) {
    this.#directory = join(stateDirectory(env), 'launches');
  }

  /** @throws EnarxError `cli/state-unusable` */
  async keep(keep: string, { publicKey, simulated, checks }: SealedLaunch): Promise<void> {
    await makePrivate(this.#directory);
    const key = publicKey.export({ type: 'spki', format: 'pem' });
    const temporary = `${this.#fileOf(keep)}.new`;
    try {
      await writeFile(temporary, JSON.stringify({ key, simulated, checks }), { mode: 0o600 });
      await rename(temporary, this.#fileOf(keep));
    } catch (cause) {
      throw cliProblem('cli/state-unusable', { found: (cause as Error).message, cause });
    }
  }

  /** The launch of a Keep, or `undefined` when none is recorded here. @throws EnarxError `cli/state-unusable` */
  async find(keep: string): Promise<SealedLaunch | undefined> {
    let text: string;
    try {
      text = await readFile(this.#fileOf(keep), 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw cliProblem('cli/state-unusable', { found: (cause as Error).message, cause });
    }
    try {
      return launchOf(JSON.parse(text));
    } catch (cause) {
      const found = `${this.#fileOf(keep)}: ${(cause as Error).message}`;
      throw cliProblem('cli/state-unusable', { found, cause });
    }
  }

  forget(keep: string): Promise<void> {
    return rm(this.#fileOf(keep), { force: true });
  }

  /** @param keep - checked before: 32 hexadecimal digits */
  #fileOf(keep: string): string {
    return join(this.#directory, `${keep}.json`);
  }
}

/** This command's own writing, but from a disk. */
function launchOf(record: unknown): SealedLaunch {
  const { key, simulated, checks } = record as Record<string, unknown>;
  if (typeof key !== 'string' || typeof simulated !== 'boolean' || !Array.isArray(checks))
    throw new Error('not the record of a launch');
  const publicKey = createPublicKey(key);
  const digest = keyDigest(publicKey);
  if (digest === undefined || !checks.every(isCheck)) throw new Error('not the record of a launch');
  return { publicKey, keyDigest: digest, simulated, claims: undefined, checks };
}

function isCheck(value: unknown): value is Check {
  const { id, status, detail } = value as Record<string, unknown>;
  return typeof id === 'string' && status === 'pass' && typeof detail === 'string';
}
