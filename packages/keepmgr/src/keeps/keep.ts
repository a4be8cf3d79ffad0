// SPDX-License-Identifier: Apache-2.0
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';

import {
  bootId,
  isAlive,
  killRecordedGroup,
  killThoseIn,
  leadsGroupBelow,
  type ProcessReference,
} from '@enarx/keepldr/processes';
import {
  encodeFrameHead,
  encodeMessage,
  formatKeepId,
  ldrLaunch,
  type Keep as KeepMessage,
  type KeepLog,
  type KeepState,
  type LdrHello,
  type LdrLaunch,
  type LdrState,
  type Tee,
} from '@enarx/protocol';

import { isMachineKind } from '@enarx/keepldr/machine-kinds';

import type { DaemonLog } from '../daemon-log.ts';
import type { Launcher } from '../launchers/launcher.ts';
import type { Limits } from '../limits.ts';
import { keepmgrProblem, type KeepmgrProblemCode } from '../problems.ts';
import type { Metrics } from '../metrics.ts';
import type { KeepRecord } from '../state/record.ts';
import type { Store } from '../state/store.ts';
import { Channels } from './channels.ts';
import { Control } from './control.ts';
import { LogRing } from './log-ring.ts';
import { eventsBetween, hasEnded, next, type KeepEvent } from './states.ts';

/** What every Keep of one daemon shares. Nothing in it is waited for on behalf of another Keep. */
export interface KeepSurroundings {
  readonly store: Store;
  readonly launcher: Launcher;
  readonly limits: Limits;
  readonly log: DaemonLog;
  readonly metrics: Metrics;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Directory of the release; tells our processes from others. */
  readonly release: string;
  /** Told of each change of a Keep, once it is on disk. */
  readonly changed: (keep: Keep) => void;
}

/** What a client wants. */
export interface WantedKeep {
  readonly id: Uint8Array;
  readonly tenant: string;
  readonly request: Uint8Array | undefined;
  readonly tee: Tee;
  /** Milliseconds. */
  readonly lease: number | undefined;
}

type KeepIdentity = Omit<WantedKeep, 'lease'> & {
  readonly created: number;
  readonly tokenDigest: Uint8Array;
};

/** The parts of a launch that the Keep does not know by itself. */
export type LaunchDetails = Omit<LdrLaunch, 'id' | 'tee' | 'token' | 'directory'>;

const launchKind = 0;
/** After the loader's end its last frames may still have to be read. */
const lastFramesTime = 1000;
/** Steps that the table does not have, before the loader counts as hostile. */
const mostLies = 8;
/** The kernel may take a moment to end what was killed. */
const longestDying = 2000;
const dyingStep = 10;
const longestTimer = 2 ** 31 - 1;
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
  readonly #watchers = new Set<() => void>();
  readonly #goneWaiters: (() => void)[] = [];
  #state: KeepState = 'launching';
  #ended: number | undefined;
  #reason: string | undefined;
  #loader: ProcessReference | undefined;
  #processes: readonly ProcessReference[] = [];
  #boot = bootId();
  #control: Control | undefined;
  #timer: NodeJS.Timeout | undefined;
  #absenceTimer: NodeJS.Timeout | undefined;
  readonly #launchDeadline: number;
  /** When it began to be in its state, where this daemon saw it. */
  #since: number | undefined;
  #stopping = false;
  #gone = false;
  #abandoned = false;
  #lies = 0;
  #cleared: Promise<void> = Promise.resolve();
  #lease: number | undefined;
  #expires: number | undefined;
  #leaseTimer: NodeJS.Timeout | undefined;
  #stopReason: string | undefined;

  private constructor(around: KeepSurroundings, identity: KeepIdentity) {
    this.#around = around;
    this.id = identity.id;
    this.tenant = identity.tenant;
    this.request = identity.request;
    this.tee = identity.tee;
    this.created = identity.created;
    this.#tokenDigest = identity.tokenDigest;
    this.#log = new LogRing(around.clock);
    this.#channels = new Channels(around.limits);
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
    const keep = new Keep(around, { ...wanted, created: around.clock(), tokenDigest: digest(token) });
    if (wanted.lease !== undefined) keep.#grant(wanted.lease, wanted.lease);
    keep.#since = performance.now();
    await keep.#launch(token, details);
    around.metrics.created(wanted.tee);
    return keep;
  }

  /** A Keep that an earlier daemon left. If its loader lives, it will come back by itself within its ten seconds. */
  static restore(around: KeepSurroundings, record: KeepRecord): Keep {
    const keep = new Keep(around, record);
    keep.#state = record.state;
    keep.#ended = record.ended;
    keep.#reason = record.reason;
    keep.#loader = record.loader;
    keep.#processes = record.processes;
    keep.#boot = record.boot;
    keep.#resume();
    const { lease, expires } = record;
    // The clock of the host may have been set meanwhile: nobody gets more than was granted.
    if (lease !== undefined && expires !== undefined && !hasEnded(keep.#state))
      keep.#grant(lease, Math.min(lease, Math.max(0, expires - around.clock())));
    else keep.#expires = expires;
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
      ...(this.#expires === undefined ? {} : { expires: this.#expires }),
    };
  }

  /**
   * Grants the Keep so many milliseconds from now; then it is stopped.
   * @throws EnarxError `keep/ended`, `keepmgr/state-unusable`
   */
  renew(lease: number): void {
    if (this.#gone || this.#stopping || hasEnded(this.#state)) throw this.#endedProblem();
    this.#grant(lease, lease);
    this.#persist();
    this.#changed();
  }

  log(): KeepLog {
    return this.#log.entries();
  }

  /** Takes a connection that claims to be from this Keep's loader. */
  welcome(hello: LdrHello, socket: Socket): boolean {
    if (this.#gone || this.#abandoned || !timingSafeEqual(digest(hello.token), this.#tokenDigest))
      return false;
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
      if (!(await this.#change(deadline))) throw keepmgrProblem('keep/not-ready', { found: this.#state });
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
    this.#persist();
  }

  /** Ends it without asking its loader. */
  async kill(): Promise<void> {
    this.#stopping = true;
    this.#apply('stopped');
    this.#tearDown();
    await this.#untilGone();
    await this.#cleared;
    this.#persist();
  }

  /** Lets go of it, for a daemon that ends and leaves its Keeps to the next. */
  abandon(): void {
    this.#abandoned = true;
    this.#stopTimer();
    clearTimeout(this.#absenceTimer);
    clearTimeout(this.#leaseTimer);
    this.#control?.close();
    this.#control = undefined;
    this.#channels.destroyAll();
    this.#persist();
  }

  async #launch(token: Uint8Array, details: LaunchDetails): Promise<void> {
    const { store, launcher } = this.#around;
    await store.make(this.id);
    const directory = store.directoryOf(this.id);
    const launched = launcher.launch(directory);
    this.#loader = launched.process;
    this.#log.add('keepmgr', 'launched');
    void launched.exited.then((how) => {
      this.#loaderEnded(how);
    });
    try {
      if (launched.process === undefined) {
        throw keepmgrProblem('keepmgr/launch-failed', { found: await launched.exited });
      }
      this.#persist();
    } catch (error) {
      this.#fail('keepmgr/launch-failed');
      this.#tearDown();
      await this.#cleared;
      // Nobody was told of it, so nobody will remove it.
      this.#forget();
      throw error;
    }
    const launch = encodeMessage(ldrLaunch, { ...details, id: this.id, tee: this.tee, token, directory });
    launched.begin(Buffer.concat([encodeFrameHead(launchKind, launch.length), launch]));
    this.#awaitNext();
  }

  #resume(): void {
    if (hasEnded(this.#state) && this.#loader === undefined && this.#processes.length === 0) {
      this.#gone = true;
      return;
    }
    if (this.#boot === bootId() && this.#loader !== undefined && isAlive(this.#loader)) {
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
    this.#adoptProcesses(processes ?? []);
    if (state === this.#state) return;
    const events = this.#eventsFor(state, first);
    if (events === undefined) {
      this.#lied(state);
      return;
    }
    for (const event of events) this.#apply(event, reason);
  }

  #eventsFor(state: KeepState, first: boolean): readonly KeepEvent[] | undefined {
    if (state === 'exited' && this.#stopping) return ['stopped'];
    if (first) return eventsBetween(this.#state, state);
    if (state === 'launching' || next(this.#state, state) === undefined) return undefined;
    return [state];
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

  /**
   * What the loader says are its guest's processes will be killed with the rights of the daemon one day. So only its own
   * children that lead a group are taken, lest a loader that lies turns the daemon on somebody else.
   */
  #adoptProcesses(claimed: readonly ProcessReference[]): void {
    const [loader] = this.#loader ?? [];
    if (loader === undefined) return;
    const known = new Map(this.#processes.map((reference) => [reference.join(), reference]));
    const fresh = claimed.filter(
      (reference) => !known.has(reference.join()) && leadsGroupBelow(reference, loader),
    );
    if (fresh.length === 0 || known.size + fresh.length > 16) return;
    this.#processes = [...this.#processes, ...fresh];
    this.#save();
  }

  #apply(event: KeepEvent, reason?: string): void {
    const state = next(this.#state, event);
    if (state === undefined) return;
    this.#state = state;
    this.#measure(state);
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
    this.#save();
    this.#changed();
  }

  #measure(state: KeepState): void {
    const now = performance.now();
    if (this.#since !== undefined) {
      const seconds = (now - this.#since) / 1000;
      if (state === 'ready') this.#around.metrics.launched(seconds);
      if (state === 'claimed') this.#around.metrics.claimed(seconds);
    }
    this.#since = now;
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
      if (this.#loader === undefined || !isAlive(this.#loader)) this.#loaderEnded('gone');
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
    clearTimeout(this.#leaseTimer);
    this.#control?.close();
    this.#control = undefined;
    const killed = this.#boot === bootId() && this.#killAll();
    this.#processes = [];
    this.#loader = undefined;
    this.#channels.refuseAll();
    this.#cleared = this.#clear(killed || this.#state === 'failed');
    this.#save();
    this.#changed();
    for (const resolve of this.#goneWaiters.splice(0)) resolve();
  }

  /** Answers whether anything was left to kill. */
  #killAll(): boolean {
    const directory = this.#around.store.directoryOf(this.id);
    const ours = (line: string, where: string): boolean =>
      line.includes(this.#around.release) || line.includes(directory) || where.startsWith(directory);
    let killed = false;
    // The guests first: their loader would report their end as a failure of theirs.
    for (const reference of this.#processes) killed = killRecordedGroup(reference, ours) || killed;
    if (this.#loader !== undefined) killed = killRecordedGroup(this.#loader, ours) || killed;
    return killed;
  }

  /** @param doubtful - whether something may still die, or live without a record */
  async #clear(doubtful: boolean): Promise<void> {
    const { store, log } = this.#around;
    try {
      const deadline = performance.now() + longestDying;
      while (doubtful && killThoseIn(store.directoryOf(this.id)) > 0 && performance.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, dyingStep));
      await store.clear(this.id);
    } catch (error) {
      log('clear-failed', { keep: formatKeepId(this.id), detail: (error as Error).message });
    }
  }

  #untilGone(): Promise<void> {
    if (this.#gone) return Promise.resolve();
    return new Promise((resolve) => this.#goneWaiters.push(resolve));
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

  #grant(lease: number, remaining: number): void {
    this.#lease = lease;
    this.#expires = this.#around.clock() + remaining;
    clearTimeout(this.#leaseTimer);
    // Timers do not see the clock of the host being set, and take at most 2^31 - 1 ms.
    this.#leaseTimer = setTimeout(
      () => {
        if (this.#stopping || hasEnded(this.#state)) return;
        this.#stopReason = 'keep/lease-expired' satisfies KeepmgrProblemCode;
        this.stop().catch((error: unknown) => {
          this.#around.log('keep-not-stopped', {
            keep: formatKeepId(this.id),
            detail: (error as Error).message,
          });
        });
      },
      Math.min(remaining, longestTimer),
    );
  }

  /** A disk that fails does not end the Keep: what is lost is only what the next daemon would know. */
  #save(): void {
    try {
      this.#persist();
    } catch (error) {
      this.#around.log('record-not-written', {
        keep: formatKeepId(this.id),
        detail: (error as Error).message,
      });
    }
  }

  #forget(): void {
    try {
      this.#around.store.forget(this.id);
    } catch (error) {
      this.#around.log('record-not-removed', {
        keep: formatKeepId(this.id),
        detail: (error as Error).message,
      });
    }
  }

  #changed(): void {
    this.#around.changed(this);
    for (const watcher of this.#watchers) watcher();
  }

  /** Resolves at the next change, to whether there was one before the deadline. */
  #change(deadline: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (changed: boolean): void => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        resolve(changed);
      };
      const watcher = (): void => {
        finish(true);
      };
      const timer = setTimeout(finish, Math.max(0, deadline - performance.now()), false);
      this.#watchers.add(watcher);
    });
  }

  /** Writes the record. What is true now is on disk when this returns, so nobody is told what a crash would unmake. */
  #persist(): void {
    const { created, id, request, tee, tenant } = this;
    this.#around.store.write({
      id,
      tenant,
      request,
      tee,
      state: this.#state,
      created,
      ended: this.#ended,
      reason: this.#reason,
      lease: this.#lease,
      expires: this.#expires,
      tokenDigest: this.#tokenDigest,
      boot: this.#boot,
      loader: this.#loader,
      processes: this.#processes,
    });
  }
}

function digest(token: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(token).digest());
}

/** A reason is a code; a loader that gives something else is not quoted. */
function reasonOf(reason: string): string {
  return /^[a-z0-9-]+\/[a-z0-9-]+$/.test(reason) ? reason : 'keepldr/unintelligible';
}
