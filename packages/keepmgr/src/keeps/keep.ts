// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';

import { isMachineKind } from '@enarx/keepldr/machine-kinds';
import {
  encodeFrameHead,
  encodeMessage,
  formatKeepId,
  ldrLaunch,
  type Keep as KeepMessage,
  type KeepLog,
  type KeepState,
  type LdrHello,
  type LdrState,
  type Tee,
} from '@enarx/protocol';

import type { LaunchedLoader } from '../launchers/launcher.ts';
import { keepmgrProblem, type KeepmgrProblemCode } from '../problems.ts';
import type { KeepRecord } from '../state/record.ts';
import { WrittenRecord } from '../state/written-record.ts';
import { Channels } from './channels.ts';
import { Control } from './control.ts';
import { KeepProcesses } from './keep-processes.ts';
import { Lease } from './lease.ts';
import { LogRing } from './log-ring.ts';
import { Signal } from './signal.ts';
import { StateTimes } from './state-times.ts';
import { eventsFor, hasEnded, next, reasonOf, type KeepEvent } from './states.ts';
import type { KeepIdentity, LaunchDetails, Surroundings, WantedKeep } from './surroundings.ts';
import { isToken, tokenDigest } from './token.ts';
import { wantedLoader } from './wanted-loader.ts';

export interface KeepSurroundings extends Surroundings {
  /** Told of each change of a Keep, once it is on disk. */
  readonly changed: (keep: Keep) => void;
}

const launchKind = 0;
/** After the loader's end its last frames may still have to be read. */
const lastFramesTime = 1000;
/** Steps that the table does not have, before the loader counts as hostile. */
const mostLies = 8;
/** How often a loader without a connection is looked for among the processes. */
const lookEvery = 250;

/**
 * One Keep: an actor that owns its state, its loader's connection, its processes, its channels and its record. All that
 * happens to it happens in one of its methods, each of which runs to its end before the next.
 */
export class Keep {
  readonly id: Uint8Array;
  readonly tenant: string;
  readonly request: Uint8Array | undefined;
  readonly tee: Tee;
  readonly created: number;
  readonly #around: KeepSurroundings;
  readonly #log: LogRing;
  readonly #channels: Channels;
  readonly #tokenDigest: Uint8Array;
  readonly #changes = new Signal();
  readonly #processes: KeepProcesses;
  readonly #lease: Lease;
  readonly #times: StateTimes;
  readonly #record: WrittenRecord;
  readonly #goneWaiters: (() => void)[] = [];
  #state: KeepState = 'launching';
  #ended: number | undefined;
  #reason: string | undefined;
  #control: Control | undefined;
  #timer: NodeJS.Timeout | undefined;
  #absenceTimer: NodeJS.Timeout | undefined;
  readonly #launchDeadline: number;
  #stopping = false;
  #gone = false;
  #abandoned = false;
  #lies = 0;
  #cleared: Promise<void> = Promise.resolve();
  #stopReason: string | undefined;

  private constructor(around: KeepSurroundings, identity: KeepIdentity, record?: KeepRecord) {
    this.#around = around;
    this.id = identity.id;
    this.tenant = identity.tenant;
    this.request = identity.request;
    this.tee = identity.tee;
    this.created = identity.created;
    this.#tokenDigest = identity.tokenDigest;
    this.#log = new LogRing(around.clock);
    this.#channels = new Channels(
      around.limits,
      () => this.#state !== 'launching' && this.#state !== 'ready',
    );
    this.#times = new StateTimes(around.metrics);
    this.#processes = new KeepProcesses(around.store.directoryOf(identity.id), around.release, record);
    this.#record = new WrittenRecord(around.store, around.log, identity.id, () => this.#recordNow());
    this.#lease = new Lease(around.clock, () => {
      this.#expire();
    });
    const { launchTime, machineLaunchTime } = around.limits;
    this.#launchDeadline = performance.now() + (isMachineKind(identity.tee) ? machineLaunchTime : launchTime);
  }

  /**
   * A new Keep. Its loader's process starts at once, and does nothing before the record of it is on disk: no Keep is
   * acknowledged or launched that a restarted daemon would not know.
   *
   * @throws EnarxError `keepmgr/state-unusable`, `keepmgr/launch-failed`
   */
  static async create(around: KeepSurroundings, wanted: WantedKeep, details: LaunchDetails): Promise<Keep> {
    const token = randomBytes(32);
    const keep = new Keep(around, { ...wanted, created: around.clock(), tokenDigest: tokenDigest(token) });
    if (wanted.lease !== undefined) keep.#lease.grant(wanted.lease);
    keep.#times.begin();
    await keep.#launch(token, details);
    around.metrics.created(wanted.tee);
    return keep;
  }

  /** A Keep that an earlier daemon left. If its loader lives, it will come back by itself within its ten seconds. */
  static restore(around: KeepSurroundings, record: KeepRecord): Keep {
    const keep = new Keep(around, record, record);
    keep.#state = record.state;
    keep.#ended = record.ended;
    keep.#reason = record.reason;
    const { lease, expires } = record;
    if (lease !== undefined && expires !== undefined && !hasEnded(record.state))
      keep.#lease.resume(lease, expires);
    else keep.#lease.recall(lease, expires);
    keep.#resume();
    return keep;
  }

  get state(): KeepState {
    return this.#state;
  }

  /** When it ended, if nothing of it is left but the record. */
  get endedAndGone(): number | undefined {
    return this.#gone ? this.#ended : undefined;
  }

  summary(): KeepMessage {
    return {
      id: this.id,
      tee: this.tee,
      state: this.#state,
      created: this.created,
      ...(this.#ended === undefined ? {} : { ended: this.#ended }),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      ...(this.#lease.expires === undefined ? {} : { expires: this.#lease.expires }),
    };
  }

  /**
   * Grants the Keep so many milliseconds from now; then it is stopped.
   * @throws EnarxError `keep/ended`, `keepmgr/state-unusable`
   */
  renew(lease: number): void {
    if (this.#gone || this.#stopping || hasEnded(this.#state)) throw this.#endedProblem();
    this.#lease.grant(lease);
    this.#record.write();
    this.#changed();
  }

  /** Its last events, and what its launcher has heard. */
  async log(): Promise<KeepLog> {
    return this.#log.entriesWith((await this.#around.launcher.log?.(this.id)) ?? []);
  }

  /** Takes a connection that claims to be from this Keep's loader. */
  welcome(hello: LdrHello, socket: Socket): boolean {
    if (this.#gone || this.#abandoned || !isToken(hello.token, this.#tokenDigest)) return false;
    if (hello.stream !== undefined) return this.#channels.accept(hello.stream, socket);
    // The newest counts: of an older one we have only not heard yet that it broke.
    this.#control?.close();
    const control = new Control(socket, this.#around.limits, {
      state: (message, first) => {
        if (this.#control === control) this.#told(message, first);
      },
      log: ({ event, detail }) => {
        this.#log.add('keepldr', event, detail);
      },
      misbehaved: (detail) => {
        this.#misbehaved(detail);
      },
      closed: () => {
        if (this.#control === control) this.#parted();
      },
    });
    this.#control = control;
    clearTimeout(this.#absenceTimer);
    this.#awaitNext();
    this.#log.add('keepmgr', 'loader-connected');
    if (this.#stopping) control.stop();
    this.#changed();
    return true;
  }

  /**
   * A connection to the guest, once it is ready, or to its loader, while it waits for the secret of a launch.
   * @throws EnarxError `keep/ended`, `keep/not-ready`, `keep/launched`, `keep/channels-full`, `keep/channel-failed`
   */
  async openChannel(to: 'guest' | 'loader'): Promise<Socket> {
    const deadline = performance.now() + this.#around.limits.readyWait;
    for (;;) {
      if (this.#gone || this.#stopping || this.#state === 'failed') throw this.#endedProblem();
      const control = this.#control;
      const launching = this.#state === 'launching';
      if (to === 'loader' && !launching) throw keepmgrProblem('keep/launched', { found: this.#state });
      if (launching === (to === 'loader') && control !== undefined) {
        return this.#channels.open((stream) => {
          control.open(stream, to);
        });
      }
      if (hasEnded(this.#state) && control === undefined) throw this.#endedProblem();
      if (!(await this.#changes.next(deadline)))
        throw keepmgrProblem('keep/not-ready', { found: this.#state });
    }
  }

  /** Carries bytes between a client and a connection that {@link openChannel} gave. Resolves when both are closed. */
  carry(client: Socket, loader: Socket): Promise<void> {
    return this.#channels.carry(client, loader);
  }

  /** Ends the Keep, if it has not ended. Resolves when nothing of it runs any more and the record says so. */
  async stop(): Promise<void> {
    if (!this.#gone && !this.#stopping) {
      this.#stopping = true;
      this.#log.add('keepmgr', 'stop');
      this.#control?.stop();
      this.#channels.refuseAll();
      this.#within(this.#around.limits.stopTime, () => {
        this.#apply('stopped');
        this.#tearDown();
      });
      this.#changed();
    }
    await this.#untilGone();
    await this.#cleared;
    this.#record.write();
  }

  /** Ends it without asking its loader. */
  async kill(): Promise<void> {
    this.#stopping = true;
    this.#apply('stopped');
    this.#tearDown();
    await this.#untilGone();
    await this.#cleared;
    this.#record.write();
  }

  /** Lets go of it, for a daemon that ends and leaves its Keeps to the next. */
  abandon(): void {
    this.#abandoned = true;
    this.#stopTimer();
    clearTimeout(this.#absenceTimer);
    this.#lease.end();
    this.#control?.close();
    this.#control = undefined;
    this.#channels.destroyAll();
    this.#record.write();
  }

  async #launch(token: Uint8Array, details: LaunchDetails): Promise<void> {
    const { store, launcher } = this.#around;
    await store.make(this.id);
    const directory = store.directoryOf(this.id);
    let launched: LaunchedLoader;
    try {
      launched = await launcher.launch(wantedLoader(this, directory, details));
      this.#processes.launched(launched.process);
      this.#log.add('keepmgr', 'launched');
      if (this.#gone) throw this.#endedProblem();
      this.#record.write();
    } catch (error) {
      this.#fail('keepmgr/launch-failed');
      this.#processes.kill();
      this.#tearDown();
      await this.#cleared;
      await launcher.end?.(this.id);
      // Nobody was told of it, so nobody will remove it.
      this.#record.forget();
      throw error;
    }
    void launched.exited.then((how) => {
      this.#loaderEnded(how);
    });
    const launch = encodeMessage(ldrLaunch, { ...details, id: this.id, tee: this.tee, token, directory });
    launched.begin(Buffer.concat([encodeFrameHead(launchKind, launch.length), launch]));
    this.#awaitNext();
  }

  #resume(): void {
    if (hasEnded(this.#state) && this.#processes.none) {
      this.#gone = true;
      return;
    }
    if (this.#processes.loaderRuns) {
      this.#log.add('keepmgr', 'awaiting-loader');
      this.#awaitLoader();
    } else {
      this.#lose();
    }
  }

  #lose(): void {
    if (!hasEnded(this.#state)) this.#fail('keepmgr/lost-keep');
    this.#tearDown();
  }

  #told({ state, reason, processes }: LdrState, first: boolean): void {
    if (this.#processes.adopt(processes ?? [])) this.#record.save();
    if (state === this.#state) return;
    const events = eventsFor(this.#state, state, { first, stopping: this.#stopping });
    if (events === undefined) {
      this.#lied(state);
      return;
    }
    for (const event of events) this.#apply(event, reason);
  }

  #lied(state: KeepState): void {
    this.#log.add('keepmgr', 'illegal-transition', `${state} after ${this.#state}`);
    this.#around.log('illegal-transition', { keep: formatKeepId(this.id), found: state, state: this.#state });
    this.#lies += 1;
    if (this.#lies >= mostLies) this.#misbehaved('illegal transitions');
  }

  #misbehaved(detail: string): void {
    this.#log.add('keepmgr', 'loader-misbehaved', detail);
    if (!hasEnded(this.#state)) this.#fail('keepmgr/loader-misbehaved');
    this.#tearDown();
  }

  #apply(event: KeepEvent, reason?: string): void {
    const state = next(this.#state, event);
    if (state === undefined) return;
    this.#state = state;
    this.#times.entered(state);
    if (hasEnded(state)) {
      this.#ended = this.#around.clock();
      const why = event === 'stopped' ? (reason ?? this.#stopReason) : reason;
      this.#reason = why === undefined ? undefined : reasonOf(why);
      this.#channels.refuseAll();
      this.#around.metrics.ended(state, this.#reason);
    }
    this.#log.add('keepmgr', `state-${state}`, this.#reason);
    this.#around.log('keep-state', {
      keep: formatKeepId(this.id),
      state,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    });
    this.#awaitNext();
    this.#record.save();
    this.#changed();
  }

  /** Sets the bound on what has to come next, where something has to. */
  #awaitNext(): void {
    if (this.#stopping) return;
    this.#stopTimer();
    const { stopTime, lingerTime } = this.#around.limits;
    if (this.#state === 'launching') {
      this.#within(Math.max(0, this.#launchDeadline - performance.now()), () => {
        this.#fail('keepmgr/launch-timeout');
        this.#tearDown();
      });
    } else if (hasEnded(this.#state)) {
      this.#within(this.#state === 'exited' ? lingerTime : stopTime, () => {
        this.#tearDown();
      });
    }
  }

  #fail(code: KeepmgrProblemCode): void {
    this.#apply('failed', code);
  }

  /** The control connection is gone; the loader may be, too. */
  #parted(): void {
    this.#control = undefined;
    this.#changed();
    if (this.#gone) return;
    this.#log.add('keepmgr', 'loader-disconnected');
    this.#awaitLoader();
  }

  /** Gives the loader its time to come back, unless it has ended. It may be nobody's child here, so it is looked for. */
  #awaitLoader(): void {
    const deadline = performance.now() + this.#around.limits.absence;
    const look = (): void => {
      if (this.#gone || this.#control !== undefined) return;
      if (!this.#processes.loaderRuns) this.#loaderEnded('gone');
      else if (performance.now() > deadline) this.#lose();
      else this.#absenceTimer = setTimeout(look, lookEvery);
    };
    look();
  }

  #loaderEnded(how: string): void {
    if (this.#gone || this.#abandoned) return;
    const finish = (): void => {
      if (this.#gone || this.#abandoned) return;
      this.#log.add('keepmgr', 'loader-ended', how);
      if (this.#stopping) this.#apply('stopped');
      else if (!hasEnded(this.#state)) this.#fail('keepmgr/loader-died');
      this.#tearDown();
    };
    if (this.#control === undefined) finish();
    else setTimeout(finish, lastFramesTime);
  }

  /** Whatever is left of it: processes, connections, files. The record stays. */
  #tearDown(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#stopTimer();
    clearTimeout(this.#absenceTimer);
    this.#lease.end();
    this.#control?.close();
    this.#control = undefined;
    const killed = this.#processes.kill();
    this.#channels.refuseAll();
    this.#cleared = this.#clear(killed || this.#state === 'failed');
    this.#record.save();
    this.#changed();
    for (const resolve of this.#goneWaiters.splice(0)) resolve();
  }

  /** @param doubtful - whether something may still die, or live without a record */
  async #clear(doubtful: boolean): Promise<void> {
    const { launcher, store, log } = this.#around;
    try {
      if (doubtful) await this.#processes.sweep();
      await launcher.end?.(this.id);
      await store.clear(this.id);
    } catch (error) {
      log('clear-failed', { keep: formatKeepId(this.id), detail: (error as Error).message });
    }
  }

  async #untilGone(): Promise<void> {
    if (!this.#gone) await new Promise<void>((resolve) => this.#goneWaiters.push(resolve));
  }

  #endedProblem(): Error {
    return keepmgrProblem('keep/ended', this.#reason === undefined ? {} : { found: this.#reason });
  }

  #within(milliseconds: number, action: () => void): void {
    this.#stopTimer();
    this.#timer = setTimeout(action, milliseconds);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
  }

  #expire(): void {
    if (this.#stopping || hasEnded(this.#state)) return;
    this.#stopReason = 'keep/lease-expired' satisfies KeepmgrProblemCode;
    this.stop().catch((error: unknown) => {
      this.#around.log('keep-not-stopped', {
        keep: formatKeepId(this.id),
        detail: (error as Error).message,
      });
    });
  }

  #changed(): void {
    this.#around.changed(this);
    this.#changes.emit();
  }

  #recordNow(): KeepRecord {
    const { created, id, request, tee, tenant } = this;
    return {
      ...{ id, tenant, request, tee, created },
      state: this.#state,
      ended: this.#ended,
      reason: this.#reason,
      lease: this.#lease.granted,
      expires: this.#lease.expires,
      tokenDigest: this.#tokenDigest,
      ...this.#processes.recorded,
    };
  }
}
