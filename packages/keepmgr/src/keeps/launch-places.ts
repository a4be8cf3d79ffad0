// SPDX-License-Identifier: Apache-2.0
import type { Limits } from '../limits.ts';
import { FairQueue } from './fair-queue.ts';
import type { Keep } from './keep.ts';

/** The places for Keeps that launch, for which tenants wait in turn. A Keep has its place until it no longer launches. */
export class LaunchPlaces {
  readonly #queue: FairQueue;
  readonly #launching = new Map<Keep, () => void>();

  constructor(limits: Pick<Limits, 'launchesAtOnce' | 'launchQueue'>) {
    this.#queue = new FairQueue(
      () => limits.launchesAtOnce,
      () => limits.launchQueue,
    );
  }

  /** Whether one is free now, so that nobody waits. */
  get hasRoom(): boolean {
    return this.#queue.hasRoom;
  }

  get launching(): Iterable<Keep> {
    return this.#launching.keys();
  }

  /** Launches a Keep when it is the tenant's turn. @throws EnarxError `keepmgr/too-fast`, and what the launch throws */
  async during(tenant: string, launch: () => Promise<Keep>): Promise<Keep> {
    const leave = await this.#queue.enter(tenant);
    try {
      const keep = await launch();
      if (keep.state === 'launching') this.#launching.set(keep, leave);
      else leave();
      return keep;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Something happened to a Keep. */
  changed(keep: Keep): void {
    if (keep.state === 'launching') return;
    this.#launching.get(keep)?.();
    this.#launching.delete(keep);
  }

  /** Those that launch no longer count: whoever waits goes on, to be refused. */
  free(): void {
    for (const leave of this.#launching.values()) leave();
  }
}
