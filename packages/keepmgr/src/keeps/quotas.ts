// SPDX-License-Identifier: Apache-2.0
import { Pace } from '@enarx/keepldr/pace';

import type { Caller } from '../api/caller.ts';
import type { Limits } from '../limits.ts';
import { keepmgrProblem } from '../problems.ts';

/** What a tenant has, or has begun to make. */
export interface Holding {
  readonly keeps: number;
  /** MiB that they count for. */
  readonly memory: number;
}

/** What each tenant may have, and how fast. */
export class Quotas {
  readonly #limits: Pick<Limits, 'createBurst' | 'createsPerSecond'>;
  readonly #paces = new Map<string, Pace>();
  /** The host's own. Each tenant has one, so that what it asks for in vain is at nobody else's expense. */
  readonly #hostPaces = new Map<string, Pace>();

  constructor(limits: Pick<Limits, 'createBurst' | 'createsPerSecond'>) {
    this.#limits = limits;
  }

  /**
   * @param wanted - MiB that one Keep more would count for
   * @throws EnarxError `keepmgr/quota`, `keepmgr/too-fast`
   */
  refuseBeyond({ tenant, quota }: Caller, holding: Holding, wanted: number): void {
    const { createsPerMinute, keeps, memory } = quota;
    if (keeps !== undefined && holding.keeps >= keeps) throw beyond(`at most ${String(keeps)} Keeps`);
    if (memory !== undefined && holding.memory + wanted > memory)
      throw beyond(`Keeps that count for at most ${String(memory)} MiB`);
    this.refuseHaste(tenant);
    if (createsPerMinute === undefined) return;
    const pace = this.#paces.get(tenant) ?? new Pace(createsPerMinute, createsPerMinute / 60);
    this.#paces.set(tenant, pace);
    if (!pace.take()) throw beyond(`at most ${String(createsPerMinute)} creations a minute`);
  }

  /** Whatever makes the host write to its disk, and wait for it. @throws EnarxError `keepmgr/too-fast` */
  refuseHaste(tenant: string): void {
    const { createBurst, createsPerSecond } = this.#limits;
    const pace = this.#hostPaces.get(tenant) ?? new Pace(createBurst, createsPerSecond);
    this.#hostPaces.set(tenant, pace);
    if (!pace.take())
      throw keepmgrProblem('keepmgr/too-fast', { expected: `at most ${String(createsPerSecond)} a second` });
  }

  /** They were changed: what tenants have used of their pace is forgotten. */
  changed(): void {
    this.#paces.clear();
    this.#hostPaces.clear();
  }
}

function beyond(expected: string): Error {
  return keepmgrProblem('keepmgr/quota', { expected });
}
