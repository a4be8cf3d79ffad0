// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';

import { formatKeepId, keepIdLength, type Tee } from '@enarx/protocol';

import { Pace } from '../pace.ts';
import { keepmgrProblem } from '../problems.ts';
import { Keep, type KeepSurroundings, type LaunchDetails } from './keep.ts';
import { hasEnded } from './states.ts';

/** All Keeps of one daemon: which there are, and how many there may be. What happens to a Keep is its own affair. */
export class Keeps {
  readonly #around: KeepSurroundings;
  readonly #keeps = new Map<string, Keep>();
  readonly #creations: Pace;
  readonly #creating = new Set<Promise<unknown>>();
  #closing = false;

  constructor(around: KeepSurroundings) {
    this.#around = around;
    this.#creations = new Pace(around.limits.createBurst, around.limits.createsPerSecond);
  }

  /** Takes up what an earlier daemon left. */
  async restore(): Promise<void> {
    const { store, log } = this.#around;
    for (const { id, record } of await store.load()) {
      if (record === 'absent') {
        log('unfinished-keep-removed', { keep: formatKeepId(id) });
        await store.remove(id);
        continue;
      }
      if (record === 'damaged') log('record-damaged', { keep: formatKeepId(id) });
      const keep = record === 'damaged' ? Keep.damaged(this.#around, id) : Keep.restore(this.#around, record);
      this.#keeps.set(formatKeepId(id), keep);
    }
    this.#prune();
  }

  /**
   * A new Keep, acknowledged: a restarted daemon knows it.
   *
   * @param details - resolves to what its launch needs
   * @throws EnarxError `keepmgr/full`, `keepmgr/too-fast`, `keepmgr/closing`, `keepmgr/launch-failed`, `keepmgr/state-unusable`
   */
  async create(tee: Tee, details: () => Promise<LaunchDetails>): Promise<Keep> {
    this.#prune();
    const { keeps } = this.#around.limits;
    const running = [...this.#keeps.values()].filter((keep) => keep.endedAndGone === undefined).length;
    if (this.#closing) throw keepmgrProblem('keepmgr/closing');
    if (running + this.#creating.size >= keeps)
      throw keepmgrProblem('keepmgr/full', { expected: `at most ${String(keeps)} Keeps` });
    if (!this.#creations.take()) throw keepmgrProblem('keepmgr/too-fast');
    const creation = this.#create(tee, details);
    const settled = creation.catch(() => undefined);
    this.#creating.add(settled);
    try {
      return await creation;
    } finally {
      this.#creating.delete(settled);
    }
  }

  async #create(tee: Tee, details: () => Promise<LaunchDetails>): Promise<Keep> {
    const id = new Uint8Array(randomBytes(keepIdLength));
    const keep = await Keep.create(this.#around, id, tee, await details());
    this.#keeps.set(formatKeepId(id), keep);
    this.#around.log('keep-created', { keep: formatKeepId(id), tee });
    if (this.#closing) {
      await keep.kill();
      throw keepmgrProblem('keepmgr/closing');
    }
    return keep;
  }

  /** @throws EnarxError `keep/unknown` */
  get(id: Uint8Array): Keep {
    const keep = this.find(id);
    if (keep === undefined) throw keepmgrProblem('keep/unknown');
    return keep;
  }

  find(id: Uint8Array): Keep | undefined {
    return this.#keeps.get(formatKeepId(id));
  }

  /** Oldest first. */
  list(): Keep[] {
    this.#prune();
    return [...this.#keeps.values()].sort((one, other) => one.created - other.created);
  }

  /** Stops a Keep if need be, and forgets it. @throws EnarxError `keepmgr/state-unusable` */
  async remove(keep: Keep): Promise<void> {
    await keep.stop();
    await this.#around.store.remove(keep.id);
    this.#keeps.delete(formatKeepId(keep.id));
    this.#around.log('keep-removed', { keep: formatKeepId(keep.id) });
  }

  /** @param fate - what becomes of the Keeps: `destroy`, or `leave` them for the next daemon, which has ten seconds */
  async close(fate: 'destroy' | 'leave'): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#creating);
    const keeps = [...this.#keeps.values()];
    await Promise.allSettled(keeps.map((keep) => (fate === 'leave' ? keep.abandon() : keep.kill())));
  }

  /** Records of ended Keeps are kept for a while, and not without number. */
  #prune(): void {
    const { endedKeeps, endedAge } = this.#around.limits;
    const now = this.#around.clock();
    const ended = [...this.#keeps.values()]
      .filter((keep) => keep.endedAndGone !== undefined && hasEnded(keep.state))
      .sort((one, other) => (other.endedAndGone ?? 0) - (one.endedAndGone ?? 0));
    ended.forEach((keep, index) => {
      if (index < endedKeeps && now - (keep.endedAndGone ?? now) <= endedAge) return;
      this.remove(keep).catch((error: unknown) => {
        this.#around.log('record-not-removed', {
          keep: formatKeepId(keep.id),
          detail: (error as Error).message,
        });
      });
    });
  }
}
