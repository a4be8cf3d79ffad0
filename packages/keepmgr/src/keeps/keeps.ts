// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';

import { killThoseIn } from '@enarx/keepldr/processes';
import { formatKeepId, keepIdLength, keepStates, toHex } from '@enarx/protocol';

import type { Gauges } from '../metrics.ts';
import { keepmgrProblem } from '../problems.ts';
import type { Caller } from '../api/caller.ts';
import { admit, type Committed } from './admission.ts';
import type { Changes } from './changes.ts';
import { memoryOf } from './footprint.ts';
import { Keep } from './keep.ts';
import { LaunchPlaces } from './launch-places.ts';
import type { LaunchPlan, PlanLaunch, Wanted } from './launch-plan.ts';
import { Pool, type PoolSizes } from './pool.ts';
import { Quotas } from './quotas.ts';
import type { Assignment, KeepSurroundings, Surroundings } from './surroundings.ts';

/** Who asks for what. */
export interface Asked extends Wanted {
  readonly caller: Caller;
  readonly request?: Uint8Array | undefined;
  /** Milliseconds. */
  readonly lease?: number | undefined;
  /** Number of the request to the API, 8 bytes. */
  readonly number?: Uint8Array | undefined;
}

/** A Keep that is being made. */
interface Creation {
  /** Empty for the pool. */
  readonly tenant: string;
  readonly memory: number;
  readonly keep: Promise<Keep>;
}

/** The pool's line in the queue of launches, which no tenant has. */
const nobody = '';

/** All Keeps of one daemon: which there are, and how many there may be. What happens to a Keep is its own affair. */
export class Keeps {
  readonly #around: KeepSurroundings<Keep>;
  /** In the order of their creation. */
  readonly #keeps = new Map<string, Keep>();
  /** Those of which only the record is left, in the order of their end. */
  readonly #past = new Set<Keep>();
  /** The others. */
  readonly #live = new Set<Keep>();
  readonly #requests = new Map<string, Keep>();
  readonly #places: LaunchPlaces;
  readonly #quotas: Quotas;
  readonly #creating = new Map<string, Creation>();
  readonly #plan: PlanLaunch;
  readonly #pool: Pool;
  readonly #changes: Changes;
  #poolSizes: PoolSizes = {};
  #closing = false;
  #cordoned: boolean;

  constructor(around: Surroundings, plan: PlanLaunch, changes: Changes) {
    this.#plan = plan;
    this.#around = {
      ...around,
      changed: (keep) => {
        this.#places.changed(keep);
        if (keep.belonging.pool !== undefined) this.#pool.changed(keep);
        if (this.#keeps.get(formatKeepId(keep.id)) !== keep) return;
        if (keep.endedAndGone !== undefined) {
          this.#live.delete(keep);
          this.#past.add(keep);
        }
        changes.note(keep);
      },
    };
    this.#changes = changes;
    this.#quotas = new Quotas(around.limits);
    this.#places = new LaunchPlaces(around.limits);
    this.#cordoned = around.store.setting('cordoned') === 'yes';
    this.#pool = new Pool(
      {
        shape: async (tee) => (await plan({ tee })).shape,
        launch: async (tee) => this.#launchForPool(await plan({ tee })),
        forget: (keep) => {
          this.#forget(keep);
        },
        lost: (tee, why) => {
          around.metrics.pool('lost', tee, why);
        },
        longestAge: () => around.limits.poolAge,
        clock: around.clock,
      },
      around.log,
    );
  }

  /** Takes up what an earlier daemon left. @throws EnarxError `keepmgr/state-unusable`, `keepmgr/state-damaged` */
  async restore(): Promise<void> {
    const { launcher, store, log } = this.#around;
    const ended: Keep[] = [];
    for (const record of store.load()) {
      const keep = Keep.restore(this.#around, record);
      if (record.pool !== undefined) {
        if (keep.endedAndGone === undefined) this.#pool.adopt(keep);
        else this.#forget(keep);
        continue;
      }
      this.#add(keep);
      if (keep.endedAndGone !== undefined) ended.push(keep);
    }
    ended.sort((one, other) => (one.endedAndGone ?? 0) - (other.endedAndGone ?? 0));
    for (const keep of ended) this.#past.add(keep);
    const isLive = (id: Uint8Array): boolean => {
      const keep = this.loaded(id);
      return keep !== undefined && keep.endedAndGone === undefined;
    };
    await launcher.sweep?.(isLive);
    for (const id of await store.directories()) {
      if (isLive(id)) continue;
      // A creation that was never acknowledged, or an end in which the last daemon was killed.
      log('leftover-removed', { keep: formatKeepId(id) });
      killThoseIn(store.directoryOf(id));
      await store.clear(id);
    }
    this.#prune();
  }

  /** Keeps so many waiting before anybody asks for them. A host that is cordoned does so when it no longer is. */
  resizePool(sizes: PoolSizes): void {
    this.#poolSizes = sizes;
    if (!this.#cordoned && !this.#closing) this.#pool.resize(sizes);
  }

  /**
   * A new Keep, acknowledged: a restarted daemon knows it. The same request of the same tenant gives the same Keep. Where one of the pool
   * is what was asked for, it is that one.
   *
   * @throws EnarxError `keep/request-reused`, `keepmgr/cordoned`, `keepmgr/full`, `keepmgr/quota`, `keepmgr/too-fast`, `keepmgr/host-busy`, `keepmgr/closing`, `keepmgr/launch-failed`, `keepmgr/state-unusable`, and what {@link PlanLaunch} throws
   */
  async create(asked: Asked): Promise<{ keep: Keep; fresh: boolean }> {
    const { tenant } = asked.caller;
    const key = asked.request === undefined ? undefined : `${tenant} ${formatKeepId(asked.request)}`;
    const known =
      key === undefined ? undefined : (this.#requests.get(key) ?? (await this.#creating.get(key)?.keep));
    if (known !== undefined) {
      if (known.tee !== asked.tee)
        throw keepmgrProblem('keep/request-reused', { found: asked.tee, expected: known.tee });
      return { keep: known, fresh: false };
    }
    this.#prune();
    const { limits } = this.#around;
    this.#refuseWhenClosing();
    if (this.#cordoned) throw keepmgrProblem('keepmgr/cordoned');
    const begun = [...this.#creating.values()].filter((creation) => creation.tenant !== nobody).length;
    if (this.running + begun >= limits.keeps)
      throw keepmgrProblem('keepmgr/full', { expected: `at most ${String(limits.keeps)} Keeps` });
    const memory = memoryOf(asked.tee, asked.resources, limits);
    this.#quotas.refuseBeyond(asked.caller, this.#holdingOf(tenant), memory);
    const id = new Uint8Array(randomBytes(keepIdLength));
    const keep = await this.#during(key ?? formatKeepId(id), { tenant, memory, keep: this.#make(id, asked) });
    return { keep, fresh: true };
  }

  /** Counts a creation for as long as it lasts. */
  async #during(name: string, creation: Creation): Promise<Keep> {
    this.#creating.set(name, creation);
    try {
      return await creation.keep;
    } finally {
      this.#creating.delete(name);
    }
  }

  async #make(id: Uint8Array, asked: Asked): Promise<Keep> {
    const plan = await this.#plan(asked);
    this.#refuseWhenClosing();
    return this.#fromPool(plan, asked) ?? (await this.#launch(id, plan, asked));
  }

  /** @throws EnarxError `keepmgr/state-unusable` */
  #fromPool({ tee, shape }: LaunchPlan, asked: Asked): Keep | undefined {
    const { log, metrics } = this.#around;
    const keep = this.#pool.take(tee, shape);
    if ((this.#poolSizes[tee] ?? 0) > 0) metrics.pool(keep === undefined ? 'missed' : 'assigned', tee);
    if (keep === undefined) return undefined;
    try {
      keep.assign(assignmentOf(asked));
    } catch (error) {
      // Whether it is on disk is not known, so nobody may have it.
      this.#discard(keep);
      throw error;
    }
    this.#add(keep);
    this.#changes.note(keep);
    log('keep-created', { keep: formatKeepId(keep.id), request: numberOf(asked), tee, pool: true });
    return keep;
  }

  #discard(keep: Keep): void {
    keep
      .kill()
      .then(() => {
        this.#forget(keep);
      })
      .catch((error: unknown) => {
        this.#notRemoved(keep, error);
      });
  }

  async #launch(id: Uint8Array, plan: LaunchPlan, asked: Asked): Promise<Keep> {
    const { tee, memory, details } = plan;
    await this.#admit(memory);
    const to = assignmentOf(asked);
    const keep = await this.#places.during(to.tenant, () => {
      this.#refuseWhenClosing();
      return Keep.create(this.#around, { id, tee, memory, to }, details);
    });
    this.#add(keep);
    if (keep.endedAndGone !== undefined) this.#past.add(keep);
    this.#changes.note(keep);
    this.#around.log('keep-created', { keep: formatKeepId(id), request: numberOf(asked), tee });
    if (this.#closing) {
      await keep.kill();
      throw keepmgrProblem('keepmgr/closing');
    }
    return keep;
  }

  /** @returns nothing when others come first */
  async #launchForPool({ tee, shape, memory, details }: LaunchPlan): Promise<Keep | undefined> {
    const { limits } = this.#around;
    const all = this.running + this.#creating.size + [...this.#pool.keeps()].length;
    if (this.#closing || this.#cordoned || !this.#places.hasRoom || all >= limits.keeps) return undefined;
    admit(memory, this.#committed(), limits);
    const id = new Uint8Array(randomBytes(keepIdLength));
    const keep = this.#places.during(nobody, () =>
      Keep.create(this.#around, { id, tee, memory, to: { pool: shape } }, details),
    );
    return this.#during(formatKeepId(id), { tenant: nobody, memory, keep });
  }

  /** A Keep that somebody asked for comes before those that nobody has. @throws EnarxError `keepmgr/host-busy` */
  async #admit(memory: number): Promise<void> {
    const { limits } = this.#around;
    const over = (): boolean =>
      this.running + this.#creating.size + [...this.#pool.keeps()].length > limits.keeps;
    while (over() && (await this.#pool.makeRoom()));
    for (;;) {
      try {
        // Its own creation is among those that were begun.
        const { all, launching } = this.#committed();
        admit(memory, { all: all - memory, launching: launching - memory }, limits);
        return;
      } catch (error) {
        if (!(await this.#pool.makeRoom())) throw error;
      }
    }
  }

  #committed(): Committed {
    const sum = (all: Iterable<{ readonly memory: number }>): number =>
      [...all].reduce((total, { memory }) => total + memory, 0);
    const creating = sum(this.#creating.values());
    return {
      all: sum(this.#live) + sum(this.#pool.keeps()) + creating,
      launching: sum(this.#places.launching) + creating,
    };
  }

  #holdingOf(tenant: string): { keeps: number; memory: number } {
    const held = [...this.#live].filter(({ belonging }) => belonging.tenant === tenant);
    const begun = [...this.#creating.values()].filter((other) => other.tenant === tenant);
    const all = [...held, ...begun];
    return { keeps: all.length, memory: all.reduce((total, { memory }) => total + memory, 0) };
  }

  /** @throws EnarxError `keepmgr/closing` */
  #refuseWhenClosing(): void {
    if (this.#closing) throw keepmgrProblem('keepmgr/closing');
  }

  /** Quotas were changed: what tenants have used of their pace is forgotten. */
  quotasChanged(): void {
    this.#quotas.changed();
  }

  #add(keep: Keep): void {
    this.#keeps.set(formatKeepId(keep.id), keep);
    if (keep.endedAndGone === undefined) this.#live.add(keep);
    const { request, tenant } = keep.belonging;
    if (request !== undefined) this.#requests.set(`${tenant} ${formatKeepId(request)}`, keep);
  }

  /** Keeps that are somebody's and of which more is left than the record. */
  get running(): number {
    return this.#live.size;
  }

  /** What there is, for metrics. */
  gauges(): Gauges {
    const keeps: Record<string, number> = Object.fromEntries(keepStates.map((state) => [state, 0]));
    for (const { state } of this.#live) keeps[state] = (keeps[state] ?? 0) + 1;
    return {
      keeps,
      records: this.#past.size,
      cordoned: this.#cordoned,
      pool: this.#pool.gauges(),
      memory: this.#committed().all,
    };
  }

  /** Whether the host takes no new Keeps. */
  get cordoned(): boolean {
    return this.#cordoned;
  }

  /**
   * Takes no new Keeps, or takes them again, also after a restart.
   * @param number - of the request, 8 bytes
   * @throws EnarxError `keepmgr/state-unusable`
   */
  cordon(cordoned: boolean, number: Uint8Array): void {
    this.#around.store.set('cordoned', cordoned ? 'yes' : 'no');
    this.#cordoned = cordoned;
    if (cordoned) this.#pool.close();
    else this.#pool.resize(this.#poolSizes);
    this.#around.log(cordoned ? 'cordoned' : 'uncordoned', { request: toHex(number) });
  }

  /** Takes no new Keeps and stops those that run. Resolves when nothing runs any more. */
  async drain(number: Uint8Array): Promise<void> {
    this.cordon(true, number);
    await Promise.allSettled([...this.#creating.values()].map(({ keep }) => keep));
    await Promise.all([this.#pool.empty(), ...[...this.#live].map((keep) => keep.stop(number))]);
  }

  /** One that is or was somebody's. */
  find(id: Uint8Array): Keep | undefined {
    return this.#keeps.get(formatKeepId(id));
  }

  /** Any Keep that has, or may have, a loader. */
  loaded(id: Uint8Array): Keep | undefined {
    const name = formatKeepId(id);
    return this.#keeps.get(name) ?? [...this.#pool.keeps()].find((keep) => formatKeepId(keep.id) === name);
  }

  /** Oldest first. */
  list(): Iterable<Keep> {
    this.#prune();
    return this.#keeps.values();
  }

  /**
   * Stops a Keep if need be, and forgets it.
   * @param number - of the request, 8 bytes
   * @throws EnarxError `keepmgr/state-unusable`
   */
  async remove(keep: Keep, number?: Uint8Array): Promise<void> {
    await keep.stop(number);
    // Asked twice at once, it is forgotten once.
    if (this.find(keep.id) !== keep) return;
    this.#forget(keep);
    this.#around.log('keep-removed', {
      keep: formatKeepId(keep.id),
      request: number === undefined ? undefined : toHex(number),
    });
  }

  /** The same where nobody waits for it. */
  removeLater(keep: Keep): void {
    this.remove(keep).catch((error: unknown) => {
      this.#notRemoved(keep, error);
    });
  }

  #notRemoved(keep: Keep, error: unknown): void {
    this.#around.log('keep-not-removed', {
      keep: formatKeepId(keep.id),
      detail: (error as Error).message,
    });
  }

  /**
   * Grants a Keep so many milliseconds from now.
   * @param number - of the request, 8 bytes
   * @throws EnarxError `keepmgr/too-fast`, and what {@link Keep.renew} throws
   */
  renew(keep: Keep, lease: number, { tenant }: Caller, number: Uint8Array): void {
    this.#quotas.refuseHaste(tenant);
    keep.renew(lease, number);
  }

  #forget(keep: Keep): void {
    this.#around.store.forget(keep.id);
    this.#drop(keep);
  }

  #drop(keep: Keep): void {
    this.#keeps.delete(formatKeepId(keep.id));
    this.#past.delete(keep);
    const { pool, request, tenant } = keep.belonging;
    if (request !== undefined) this.#requests.delete(`${tenant} ${formatKeepId(request)}`);
    if (pool === undefined) this.#changes.noteRemoved(keep);
  }

  /** @param fate - what becomes of the Keeps: `destroy`, or `leave` them for the next daemon, which has ten seconds */
  async close(fate: 'destroy' | 'leave'): Promise<void> {
    this.#closing = true;
    this.#pool.close();
    const letGo = (): Promise<unknown> =>
      Promise.allSettled(
        [...this.#live, ...this.#pool.keeps()].map(async (keep) => {
          if (fate === 'leave') keep.abandon();
          else await keep.kill();
        }),
      );
    // Those that launch make room for creations that wait, which are then refused.
    await letGo();
    this.#places.free();
    await Promise.allSettled([...this.#creating.values()].map(({ keep }) => keep));
    await letGo();
  }

  /** Records of ended Keeps are kept for a while, and not without number. */
  #prune(): void {
    const { endedKeeps, endedAge } = this.#around.limits;
    const now = this.#around.clock();
    const over: Keep[] = [];
    for (const keep of this.#past) {
      const few = this.#past.size - over.length <= endedKeeps;
      if (few && now - (keep.endedAndGone ?? now) <= endedAge) break;
      over.push(keep);
    }
    const [oldest] = over;
    if (oldest === undefined) return;
    try {
      // In one write: after a change of the limits, or of the time, there may be thousands.
      this.#around.store.forget(...over.map(({ id }) => id));
    } catch (error) {
      this.#around.log('record-not-removed', {
        keep: formatKeepId(oldest.id),
        detail: (error as Error).message,
      });
      return;
    }
    for (const keep of over) this.#drop(keep);
  }
}

function assignmentOf({ caller, request, lease, number }: Asked): Assignment {
  return { tenant: caller.tenant, request, lease, asked: number };
}

function numberOf({ number }: Asked): string | undefined {
  return number === undefined ? undefined : toHex(number);
}
