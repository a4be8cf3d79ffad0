// SPDX-License-Identifier: Apache-2.0
import type { KeepJournal } from './keep-journal.ts';
import type { KeepProcesses } from './keep-processes.ts';
import type { Surroundings } from './surroundings.ts';

/** What a Keep that has ended leaves on its host, and the clearing away of it: processes, its launch, files. The record is not among it. */
export class Remains {
  readonly #around: Pick<Surroundings, 'launcher' | 'store'>;
  readonly #id: Uint8Array;
  readonly #processes: KeepProcesses;
  readonly #journal: KeepJournal;
  readonly #cleared = Promise.withResolvers<undefined>();
  #gone = false;

  constructor(
    around: Pick<Surroundings, 'launcher' | 'store'>,
    id: Uint8Array,
    processes: KeepProcesses,
    journal: KeepJournal,
  ) {
    this.#around = around;
    this.#id = id;
    this.#processes = processes;
    this.#journal = journal;
  }

  /** Whether the Keep is no more: whatever there still is, is remains. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Resolves when all is cleared away, of a Keep that may not have ended yet. Never rejects. */
  get cleared(): Promise<void> {
    return this.#cleared.promise;
  }

  /** An earlier daemon has cleared them away. */
  none(): void {
    this.#gone = true;
    this.#cleared.resolve(undefined);
  }

  /**
   * Kills what runs, and begins to clear away the rest.
   * @param failed - whether something may still die, or live without a record, even if nothing was there to be killed
   */
  clear(failed: boolean): void {
    this.#gone = true;
    const killed = this.#processes.kill();
    this.#cleared.resolve(this.#clear(killed || failed));
  }

  async #clear(doubtful: boolean): Promise<undefined> {
    const { launcher, store } = this.#around;
    try {
      if (doubtful) await this.#processes.sweep();
      await launcher.end?.(this.#id);
      await store.clear(this.#id);
    } catch (error) {
      this.#journal.failed('clear-failed', error);
    }
  }
}
