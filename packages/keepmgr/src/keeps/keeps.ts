// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';

import { killThoseIn } from '@enarx/keepldr/processes';
import { formatKeepId, keepIdLength, keepStates, type Tee } from '@enarx/protocol';

import type { Gauges } from '../metrics.ts';
import { Pace } from '../pace.ts';
import { keepmgrProblem } from '../problems.ts';
import type { Caller } from '../api/caller.ts';
import { admit } from './admission.ts';
import type { Changes } from './changes.ts';
import { FairQueue } from './fair-queue.ts';
import { Keep, type KeepSurroundings } from './keep.ts';
import type { LaunchDetails, Surroundings } from './surroundings.ts';

/** Who asks for what. */
export interface Asked {
  readonly caller: Caller;
  readonly tee: Tee;
  readonly request?: Uint8Array | undefined;
  /** Milliseconds. */
  readonly lease?: number | undefined;
}

/** All Keeps of one daemon: which there are, and how many there may be. What happens to a Keep is its own affair. */
export class Keeps {
  readonly #around: KeepSurroundings;
  /** In the order of their creation. */
  readonly #keeps = new Map<string, Keep>();
  /** Those of which only the record is left, in the order of their end. */
  readonly #past = new Set<Keep>();
  /** The others. */
  readonly #live = new Set<Keep>();
  readonly #requests = new Map<string, Keep>();
  readonly #queue: FairQueue;
  readonly #launching = new Map<Keep, () => void>();
  readonly #paces = new Map<string, Pace>();
  readonly #creations: Pace;
  readonly #creating = new Map<string, { readonly tenant: string; readonly creation: Promise<Keep> }>();
  #closing = false;
  #cordoned: boolean;

  constructor(around: Surroundings, changes: Changes) {
    this.#around = {
      ...around,
      changed: (keep) => {
        if (keep.state !== 'launching') this.#leaveQueue(keep);
        if (this.#keeps.get(formatKeepId(keep.id)) !== keep) return;
        if (keep.endedAndGone !== undefined) {
          this.#live.delete(keep);
          this.#past.add(keep);
        }
        changes.note(keep);
      },
    };
    this.#changes = changes;
    this.#creations = new Pace(around.limits.createBurst, around.limits.createsPerSecond);
    this.#queue = new FairQueue(
      () => around.limits.launchesAtOnce,
      () => around.limits.launchQueue,
    );
    this.#cordoned = around.store.setting('cordoned') === 'yes';
  }

  readonly #changes: Changes;

  /** Takes up what an earlier daemon left. @throws EnarxError `keepmgr/state-unusable`, `keepmgr/state-damaged` */
  async restore(): Promise<void> {
    const { launcher, store, log } = this.#around;
    const ended: Keep[] = [];
    for (const record of store.load()) {
      const keep = Keep.restore(this.#around, record);
      this.#add(keep);
      if (keep.endedAndGone !== undefined) ended.push(keep);
    }
    ended.sort((one, other) => (one.endedAndGone ?? 0) - (other.endedAndGone ?? 0));
    for (const keep of ended) this.#past.add(keep);
    await launcher.sweep?.((id) => this.find(id)?.endedAndGone === undefined && this.find(id) !== undefined);
    for (const id of await store.directories()) {
      if (this.#keeps.get(formatKeepId(id))?.endedAndGone === undefined && this.find(id) !== undefined)
        continue;
      // A creation that was never acknowledged, or an end in which the last daemon was killed.
      log('leftover-removed', { keep: formatKeepId(id) });
      killThoseIn(store.directoryOf(id));
      await store.clear(id);
    }
    this.#prune();
  }

  /**
   * A new Keep, acknowledged: a restarted daemon knows it. The same request of the same tenant gives the same Keep.
   *
   * @param details - resolves to what its launch needs
   * @throws EnarxError `keep/request-reused`, `keepmgr/cordoned`, `keepmgr/full`, `keepmgr/too-fast`, `keepmgr/closing`, `keepmgr/launch-failed`, `keepmgr/state-unusable`
   */
  async create(asked: Asked, details: () => Promise<LaunchDetails>): Promise<{ keep: Keep; fresh: boolean }> {
    const key =
      asked.request === undefined ? undefined : `${asked.caller.tenant} ${formatKeepId(asked.request)}`;
    const known =
      key === undefined ? undefined : (this.#requests.get(key) ?? (await this.#creating.get(key)?.creation));
    if (known !== undefined) {
      if (known.tee !== asked.tee)
        throw keepmgrProblem('keep/request-reused', { found: asked.tee, expected: known.tee });
      return { keep: known, fresh: false };
    }
    this.#prune();
    const { keeps } = this.#around.limits;
    this.#refuseWhenClosing();
    if (this.#cordoned) throw keepmgrProblem('keepmgr/cordoned');
    if (this.running + this.#creating.size >= keeps)
      throw keepmgrProblem('keepmgr/full', { expected: `at most ${String(keeps)} Keeps` });
    this.#refuseBeyond(asked.caller);
    if (!this.#creations.take()) throw keepmgrProblem('keepmgr/too-fast');
    admit(this.#around.limits.memoryReserve);
    const id = new Uint8Array(randomBytes(keepIdLength));
    const creation = this.#create(id, asked, details);
    const name = key ?? formatKeepId(id);
    this.#creating.set(name, { tenant: asked.caller.tenant, creation });
    try {
      return { keep: await creation, fresh: true };
    } finally {
      this.#creating.delete(name);
    }
  }

  async #create(id: Uint8Array, asked: Asked, details: () => Promise<LaunchDetails>): Promise<Keep> {
    const { tee, request, lease } = asked;
    const { tenant } = asked.caller;
    const leave = await this.#queue.enter(tenant);
    let keep: Keep;
    try {
      this.#refuseWhenClosing();
      keep = await Keep.create(this.#around, { id, tenant, tee, request, lease }, await details());
    } catch (error) {
      leave();
      throw error;
    }
    this.#add(keep);
    if (keep.endedAndGone !== undefined) this.#past.add(keep);
    if (keep.state === 'launching') this.#launching.set(keep, leave);
    else leave();
    this.#changes.note(keep);
    this.#around.log('keep-created', { keep: formatKeepId(id), tee });
    if (this.#closing) {
      await keep.kill();
      throw keepmgrProblem('keepmgr/closing');
    }
    return keep;
  }

  /** @throws EnarxError `keepmgr/closing` */
  #refuseWhenClosing(): void {
    if (this.#closing) throw keepmgrProblem('keepmgr/closing');
  }

  #leaveQueue(keep: Keep): void {
    this.#launching.get(keep)?.();
    this.#launching.delete(keep);
  }

  /** @throws EnarxError `keepmgr/quota` */
  #refuseBeyond({ tenant, quota }: Caller): void {
    const { createsPerMinute, keeps } = quota;
    if (keeps !== undefined) {
      const begun = [...this.#creating.values()].filter((other) => other.tenant === tenant).length;
      const running = [...this.#live].filter((keep) => keep.tenant === tenant).length;
      if (begun + running >= keeps)
        throw keepmgrProblem('keepmgr/quota', { expected: `at most ${String(keeps)} Keeps` });
    }
    if (createsPerMinute === undefined) return;
    const pace = this.#paces.get(tenant) ?? new Pace(createsPerMinute, createsPerMinute / 60);
    this.#paces.set(tenant, pace);
    if (!pace.take())
      throw keepmgrProblem('keepmgr/quota', {
        expected: `at most ${String(createsPerMinute)} creations a minute`,
      });
  }

  /** Quotas were changed: what tenants have used of their pace is forgotten. */
  quotasChanged(): void {
    this.#paces.clear();
  }

  #add(keep: Keep): void {
    this.#keeps.set(formatKeepId(keep.id), keep);
    if (keep.endedAndGone === undefined) this.#live.add(keep);
    if (keep.request !== undefined) this.#requests.set(`${keep.tenant} ${formatKeepId(keep.request)}`, keep);
  }

  /** Keeps of which more is left than the record. */
  get running(): number {
    return this.#live.size;
  }

  /** What there is, for metrics. */
  gauges(): Gauges {
    const keeps: Record<string, number> = Object.fromEntries(keepStates.map((state) => [state, 0]));
    for (const { state } of this.#live) keeps[state] = (keeps[state] ?? 0) + 1;
    return { keeps, records: this.#past.size, cordoned: this.#cordoned };
  }

  /** Whether the host takes no new Keeps. */
  get cordoned(): boolean {
    return this.#cordoned;
  }

  /** Takes no new Keeps, or takes them again, also after a restart. @throws EnarxError `keepmgr/state-unusable` */
  cordon(cordoned: boolean): void {
    this.#around.store.set('cordoned', cordoned ? 'yes' : 'no');
    this.#cordoned = cordoned;
    this.#around.log(cordoned ? 'cordoned' : 'uncordoned');
  }

  /** Takes no new Keeps and stops those that run. Resolves when nothing runs any more. */
  async drain(): Promise<void> {
    this.cordon(true);
    await Promise.allSettled([...this.#creating.values()].map(({ creation }) => creation));
    await Promise.all([...this.#live].map((keep) => keep.stop()));
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
  list(): Iterable<Keep> {
    this.#prune();
    return this.#keeps.values();
  }

  /** Stops a Keep if need be, and forgets it. @throws EnarxError `keepmgr/state-unusable` */
  async remove(keep: Keep): Promise<void> {
    await keep.stop();
    // Asked twice at once, it is forgotten once.
    if (this.find(keep.id) !== keep) return;
    this.#forget(keep);
    this.#around.log('keep-removed', { keep: formatKeepId(keep.id) });
  }

  /** The same where nobody waits for it. */
  removeLater(keep: Keep): void {
    this.remove(keep).catch((error: unknown) => {
      this.#around.log('keep-not-removed', {
        keep: formatKeepId(keep.id),
        detail: (error as Error).message,
      });
    });
  }

  #forget(keep: Keep): void {
    this.#around.store.forget(keep.id);
    this.#keeps.delete(formatKeepId(keep.id));
    this.#past.delete(keep);
    if (keep.request !== undefined) this.#requests.delete(`${keep.tenant} ${formatKeepId(keep.request)}`);
    this.#changes.noteRemoved(keep);
  }

  /** @param fate - what becomes of the Keeps: `destroy`, or `leave` them for the next daemon, which has ten seconds */
  async close(fate: 'destroy' | 'leave'): Promise<void> {
    this.#closing = true;
    const letGo = (): Promise<unknown> =>
      Promise.allSettled(
        [...this.#live].map(async (keep) => {
          if (fate === 'leave') keep.abandon();
          else await keep.kill();
        }),
      );
    // Those that launch make room for creations that wait, which are then refused.
    await letGo();
    for (const leave of this.#launching.values()) leave();
    await Promise.allSettled([...this.#creating.values()].map(({ creation }) => creation));
    await letGo();
  }

  /** Records of ended Keeps are kept for a while, and not without number. */
  #prune(): void {
    const { endedKeeps, endedAge } = this.#around.limits;
    const now = this.#around.clock();
    for (const keep of this.#past) {
      if (this.#past.size <= endedKeeps && now - (keep.endedAndGone ?? now) <= endedAge) return;
      try {
        this.#forget(keep);
      } catch (error) {
        this.#around.log('record-not-removed', {
          keep: formatKeepId(keep.id),
          detail: (error as Error).message,
        });
        return;
      }
    }
  }
}
