// SPDX-License-Identifier: Apache-2.0
import { EnarxError, type Tee } from '@enarx/protocol';

import type { DaemonLog } from '../daemon-log.ts';
import type { PoolGauge } from '../metrics.ts';
import type { Keep } from './keep.ts';
import { PoolOfKind, type PoolEvents } from './pool-of-kind.ts';

/** Keeps that are wanted before anybody asks for them, by kind. */
export type PoolSizes = Readonly<Partial<Record<Tee, number | undefined>>>;

/**
 * Keeps that were launched before anybody asked for them, and are nobody's. Each is like one that would be launched for a creation now: it
 * has an id, a key and a certificate of its own, which nobody has been told of or connected to. It is assigned once, and never comes back.
 */
export class Pool {
  readonly #kinds = new Map<Tee, PoolOfKind>();
  readonly #events: PoolEvents;
  readonly #log: DaemonLog;

  constructor(events: Omit<PoolEvents, 'failed'>, log: DaemonLog) {
    this.#log = log;
    this.#events = {
      ...events,
      failed: (tee, error) => {
        const code = error instanceof EnarxError ? (error as EnarxError).code : undefined;
        this.#log('pool-not-filled', { tee, code, detail: (error as Error).message });
      },
    };
  }

  /** Takes other sizes, and sees to it that they are reached. */
  resize(sizes: PoolSizes): void {
    const kinds = new Set([...this.#kinds.keys(), ...(Object.keys(sizes) as Tee[])]);
    for (const tee of kinds) this.#of(tee).resize(sizes[tee] ?? 0);
  }

  /** Takes up a Keep of an earlier daemon's pool. */
  adopt(keep: Keep): void {
    this.#of(keep.tee).add(keep);
  }

  /** A Keep of this kind and shape that waits, taken out of the pool for good; or nothing. */
  take(tee: Tee, shape: string): Keep | undefined {
    return this.#kinds.get(tee)?.take(shape);
  }

  /** Something happened to one of its Keeps. */
  changed(keep: Keep): void {
    this.#kinds.get(keep.tee)?.changed(keep);
  }

  /** Gives up one Keep for one that somebody asked for. @returns whether there was one; resolves when nothing of it runs any more */
  async makeRoom(): Promise<boolean> {
    for (const kind of this.#kinds.values()) if (await kind.giveUpOne()) return true;
    return false;
  }

  /** Stops all of them, and makes no more until {@link resize}. Resolves when nothing of them runs any more. */
  async empty(): Promise<void> {
    await Promise.all([...this.#kinds.values()].map((kind) => kind.empty()));
  }

  /** Makes no more. What is in it stays in it. */
  close(): void {
    for (const kind of this.#kinds.values()) kind.close();
  }

  /** Every Keep that is in it, or on its way out of it. */
  *keeps(): Iterable<Keep> {
    for (const kind of this.#kinds.values()) yield* kind.keeps();
  }

  gauges(): PoolGauge[] {
    return [...this.#kinds].map(([tee, kind]) => ({ tee, ...kind.gauge() }));
  }

  #of(tee: Tee): PoolOfKind {
    const known = this.#kinds.get(tee) ?? new PoolOfKind(tee, this.#events);
    this.#kinds.set(tee, known);
    return known;
  }
}
