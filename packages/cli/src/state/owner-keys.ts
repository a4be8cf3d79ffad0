// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { createIdentity, loadIdentity, saveIdentity, type ClientIdentity } from '@enarx/channel';

import type { EnarxContext } from '../context.ts';
import { cliProblem } from '../problems.ts';
import { makePrivate, stateDirectory } from './directory.ts';

/** A key that is on disk already, and not yet of a Keep. */
export interface PreparedKey {
  readonly identity: ClientIdentity;
  /** Makes it the key of this Keep. */
  keepFor(keep: string): Promise<void>;
  /** Removes it: no Keep was made. */
  discard(): Promise<void>;
}

/**
 * Keys by which this user owns Keeps: one for each, so that two Keeps do not show that they belong to the same client.
 * Each is a file (mode 0600) in the state directory.
 */
export class OwnerKeys {
  readonly #directory: string;

  constructor(env: EnarxContext['process']['env']) {
    this.#directory = join(stateDirectory(env), 'owners');
  }

  /**
   * Makes a key and writes it down before its Keep exists: a Keep whose key were lost would have no owner.
   * @throws EnarxError `cli/state-unusable`, `channel/identity-unreadable`
   */
  async prepare(): Promise<PreparedKey> {
    await makePrivate(this.#directory);
    const temporary = join(this.#directory, `new-${randomUUID()}`);
    const identity = await createIdentity();
    await saveIdentity(temporary, identity);
    return {
      identity,
      keepFor: (keep) => rename(temporary, this.#fileOf(keep)),
      discard: () => rm(temporary, { force: true }),
    };
  }

  /**
   * The key of a Keep.
   * @throws EnarxError `cli/not-owner` when there is none here, any `channel/identity-…`
   */
  async of(keep: string): Promise<ClientIdentity> {
    const identity = await this.find(keep);
    if (identity === undefined) throw cliProblem('cli/not-owner', { found: keep });
    return identity;
  }

  /** The same, or `undefined` when there is none here. */
  async find(keep: string): Promise<ClientIdentity | undefined> {
    try {
      return await loadIdentity(this.#fileOf(keep));
    } catch (error) {
      if (((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Removes the key of a Keep that is gone. */
  forget(keep: string): Promise<void> {
    return rm(this.#fileOf(keep), { force: true });
  }

  /** @param keep - checked before: 32 hexadecimal digits */
  #fileOf(keep: string): string {
    return join(this.#directory, `${keep}.pem`);
  }
}
