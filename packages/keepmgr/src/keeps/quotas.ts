// SPDX-License-Identifier: Apache-2.0
import type { Caller } from '../api/caller.ts';
import { Pace } from '../pace.ts';
import { keepmgrProblem } from '../problems.ts';

/** What a tenant has, or has begun to make. */
export interface Holding {
  readonly keeps: number;
  /** MiB that they count for. */
  readonly memory: number;
}

/** What each tenant may have, and how fast. */
export class Quotas {
  readonly #paces = new Map<string, Pace>();

  /**
   * @param wanted - MiB that one Keep more would count for
   * @throws EnarxError `keepmgr/quota`
   */
  refuseBeyond({ tenant, quota }: Caller, holding: Holding, wanted: number): void {
    const { createsPerMinute, keeps, memory } = quota;
    if (keeps !== undefined && holding.keeps >= keeps) throw beyond(`at most ${String(keeps)} Keeps`);
    if (memory !== undefined && holding.memory + wanted > memory)
      throw beyond(`Keeps that count for at most ${String(memory)} MiB`);
    if (createsPerMinute === undefined) return;
    const pace = this.#paces.get(tenant) ?? new Pace(createsPerMinute, createsPerMinute / 60);
    this.#paces.set(tenant, pace);
    if (!pace.take()) throw beyond(`at most ${String(createsPerMinute)} creations a minute`);
  }

  /** They were changed: what tenants have used of their pace is forgotten. */
  changed(): void {
    this.#paces.clear();
  }
}

function beyond(expected: string): Error {
  return keepmgrProblem('keepmgr/quota', { expected });
}
