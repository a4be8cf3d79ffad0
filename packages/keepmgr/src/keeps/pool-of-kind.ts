// SPDX-License-Identifier: Apache-2.0
import type { Tee } from '@enarx/protocol';

import type { Keep } from './keep.ts';

/** Why a Keep leaves the pool without having become anybody's. */
export type PoolLoss = 'aged' | 'changed' | 'ended' | 'shrunk' | 'gave-way';

export interface PoolEvents {
  /** The shape that a launch of this kind has now. */
  shape(tee: Tee): Promise<string>;
  /**
   * Launches a Keep for the pool, where the machine bears it and no creation waits.
   * @returns nothing when it is not the time for it
   */
  launch(tee: Tee): Promise<Keep | undefined>;
  /** A Keep is in the pool no longer and is nobody's: nothing of it is to be left. */
  forget(keep: Keep): void;
  lost(tee: Tee, why: PoolLoss): void;
  failed(tee: Tee, error: unknown): void;
  /** Milliseconds that a Keep may wait. */
  readonly longestAge: () => number;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** A creation has the machine to itself for a moment before the pool is filled again. */
const restAfterTaking = 500;
const firstRetry = 1000;
const longestRetry = 60_000;

/** The Keeps of one kind that wait to be somebody's. They are launched one after the other. */
export class PoolOfKind {
  readonly #tee: Tee;
  readonly #events: PoolEvents;
  /** Oldest first, with what ends each for its age. */
  readonly #waiting = new Map<Keep, NodeJS.Timeout>();
  readonly #leaving = new Set<Keep>();
  #wanted = 0;
  #timer: NodeJS.Timeout | undefined;
  #filling = false;
  #retry = firstRetry;
  #settled: (() => void) | undefined;

  constructor(tee: Tee, events: PoolEvents) {
    this.#tee = tee;
    this.#events = events;
  }

  resize(wanted: number): void {
    this.close();
    this.#wanted = wanted;
    this.#retry = firstRetry;
    while (this.#waiting.size > wanted) void this.#giveUp(this.#oldest(), 'shrunk');
    this.#fillAfter(0);
  }

  /** From the pool of an earlier daemon, or just launched. */
  add(keep: Keep): void {
    const age = Math.max(0, this.#events.clock() - keep.belonging.created);
    const left = Math.max(0, this.#events.longestAge() - age);
    const timer = setTimeout(() => {
      void this.#giveUp(keep, 'aged');
    }, left);
    this.#waiting.set(keep, timer.unref());
  }

  take(shape: string): Keep | undefined {
    const found = [...this.#waiting.keys()].find(
      ({ belonging, isAvailable }) => isAvailable && belonging.pool === shape,
    );
    if (found !== undefined) this.#remove(found);
    // Also where none fits: those that wait may be of a shape that nobody will ask for any more.
    this.#fillAfter(restAfterTaking);
    return found;
  }

  changed(keep: Keep): void {
    if (keep.endedAndGone !== undefined) {
      if (this.#remove(keep)) {
        this.#events.forget(keep);
        this.#events.lost(this.#tee, 'ended');
        this.#fillAfter(this.#nextRetry());
      }
    } else if (this.#waiting.has(keep) && keep.state !== 'launching' && keep.state !== 'ready') {
      // Nobody can have come to it: its guest or its loader lies, or it fails at this moment.
      void this.#giveUp(keep, 'ended');
    } else if (keep.state === 'ready') this.#retry = firstRetry;
    this.#settled?.();
  }

  async giveUpOne(): Promise<boolean> {
    if (this.#waiting.size === 0) return false;
    await this.#giveUp(this.#oldest(), 'gave-way');
    return true;
  }

  async empty(): Promise<void> {
    this.close();
    await Promise.all([...this.#waiting.keys()].map((keep) => this.#giveUp(keep, 'shrunk')));
  }

  close(): void {
    this.#wanted = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  *keeps(): Iterable<Keep> {
    yield* this.#waiting.keys();
    yield* this.#leaving;
  }

  gauge(): { wanted: number; ready: number; launching: number } {
    const ready = [...this.#waiting.keys()].filter(({ isAvailable }) => isAvailable).length;
    return { wanted: this.#wanted, ready, launching: this.#waiting.size - ready };
  }

  #oldest(): Keep {
    const [oldest] = this.#waiting.keys();
    return oldest as Keep;
  }

  #remove(keep: Keep): boolean {
    clearTimeout(this.#waiting.get(keep));
    return this.#waiting.delete(keep);
  }

  /** Resolves when nothing of it runs any more. */
  async #giveUp(keep: Keep, why: PoolLoss): Promise<void> {
    if (!this.#remove(keep)) return;
    this.#leaving.add(keep);
    this.#events.lost(this.#tee, why);
    this.#fillAfter(why === 'gave-way' || why === 'ended' ? this.#nextRetry() : 0);
    try {
      await keep.stop();
    } catch (error) {
      this.#events.failed(this.#tee, error);
    }
    this.#leaving.delete(keep);
    this.#events.forget(keep);
  }

  /** What fails again and again is tried less and less often. */
  #nextRetry(): number {
    const retry = this.#retry;
    this.#retry = Math.min(longestRetry, 2 * retry);
    return retry;
  }

  /** One who waits already is not put off: or creations that come one after the other would keep the pool empty. */
  #fillAfter(milliseconds: number): void {
    if (this.#wanted === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (!this.#filling) void this.#fill();
    }, milliseconds).unref();
  }

  async #fill(): Promise<void> {
    this.#filling = true;
    try {
      const shape = await this.#events.shape(this.#tee);
      for (const keep of [...this.#waiting.keys()])
        if (keep.belonging.pool !== shape) void this.#giveUp(keep, 'changed');
      while (this.#waiting.size < this.#wanted) {
        const keep = await this.#events.launch(this.#tee);
        if (keep === undefined) {
          this.#fillAfter(this.#nextRetry());
          break;
        }
        this.add(keep);
        // It may have died before it was added.
        this.changed(keep);
        if (this.#waiting.size > this.#wanted) await this.#giveUp(keep, 'shrunk');
        await this.#untilSettled(keep);
        if (keep.state !== 'ready') break;
      }
    } catch (error) {
      this.#events.failed(this.#tee, error);
      this.#fillAfter(this.#nextRetry());
    } finally {
      this.#filling = false;
    }
    if (this.#waiting.size < this.#wanted) this.#fillAfter(this.#nextRetry());
  }

  async #untilSettled(keep: Keep): Promise<void> {
    while (this.#waiting.has(keep) && keep.state === 'launching')
      await new Promise<void>((resolve) => (this.#settled = resolve));
    this.#settled = undefined;
  }
}
