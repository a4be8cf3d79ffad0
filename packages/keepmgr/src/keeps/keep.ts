// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';

import {
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
import { Absence } from './absence.ts';
import { Belonging } from './belonging.ts';
import { Channels } from './channels.ts';
import { Control } from './control.ts';
import { Deadline } from './deadline.ts';
import { KeepJournal } from './keep-journal.ts';
import { KeepProcesses } from './keep-processes.ts';
import { Lease } from './lease.ts';
import { launchTimeOf } from './launch-time.ts';
import { LoaderWords } from './loader-words.ts';
import { Remains } from './remains.ts';
import { Signal } from './signal.ts';
import { StateTimes } from './state-times.ts';
import { hasEnded, next, reasonOf, type KeepEvent } from './states.ts';
import type { Assignment, KeepSurroundings, LaunchDetails, WantedKeep } from './surroundings.ts';
import { isToken, tokenDigest } from './token.ts';
import { encodeLaunch, wantedLoader } from './wanted-loader.ts';

/** After the loader's end its last frames may still have to be read. */
const lastFramesTime = 1000;

/**
 * One Keep: an actor that owns its state, its loader's connection, its processes, its channels and its record. All that
 * happens to it happens in one of its methods, each of which runs to its end before the next.
 */
export class Keep {
  readonly id: Uint8Array;
  readonly tee: Tee;
  /** MiB that it counts for. */
  readonly memory: number;
  readonly belonging: Belonging;
  readonly #around: KeepSurroundings<Keep>;
  readonly #journal: KeepJournal;
  readonly #channels: Channels;
  readonly #tokenDigest: Uint8Array;
  readonly #changes = new Signal();
  readonly #processes: KeepProcesses;
  readonly #remains: Remains;
  readonly #lease: Lease;
  readonly #times: StateTimes;
  readonly #record: WrittenRecord;
  readonly #absence: Absence;
  readonly #words = new LoaderWords();
  #state: KeepState = 'launching';
  #ended: number | undefined;
  #reason: string | undefined;
  #control: Control | undefined;
  readonly #deadline = new Deadline();
  readonly #launchDeadline: number;
  #stopping = false;
  #abandoned = false;
  #stopReason: string | undefined;

  private constructor(
    around: KeepSurroundings<Keep>,
    identity: Pick<KeepRecord, 'id' | 'tee' | 'memory' | 'tokenDigest'>,
    belonging: Belonging,
    record?: KeepRecord,
  ) {
    this.#around = around;
    this.id = identity.id;
    this.tee = identity.tee;
    this.memory = identity.memory;
    this.belonging = belonging;
    this.#tokenDigest = identity.tokenDigest;
    this.#journal = new KeepJournal(around.clock, around.log, identity.id);
    this.#journal.askedBy(belonging.asked);
    this.#channels = new Channels(
      around.limits,
      () => this.#state !== 'launching' && this.#state !== 'ready',
    );
    this.#times = new StateTimes(around.metrics);
    this.#processes = new KeepProcesses(around.store.directoryOf(identity.id), around.release, record);
    this.#remains = new Remains(around, identity.id, this.#processes, this.#journal);
    this.#record = new WrittenRecord(around.store, around.log, identity.id, () => this.#recordNow());
    this.#lease = new Lease(around.clock, () => {
      this.#expire();
    });
    this.#absence = new Absence({
      runs: () => this.#processes.loaderRuns,
      ended: () => {
        this.#loaderEnded('gone');
      },
      lost: () => {
        this.#lose('keepmgr/lost-keep');
      },
    });
    this.#launchDeadline = performance.now() + launchTimeOf(identity.tee, around.limits);
  }

  /**
   * A new Keep. Its loader's process starts at once, and does nothing before the record of it is on disk: no Keep is
   * acknowledged or launched that a restarted daemon would not know.
   *
   * @throws EnarxError `keepmgr/state-unusable`, `keepmgr/launch-failed`
   */
  static async create(
    around: KeepSurroundings<Keep>,
    wanted: WantedKeep,
    details: LaunchDetails,
  ): Promise<Keep> {
    const token = randomBytes(32);
    const { id, tee, memory, to } = wanted;
    const identity = { id, tee, memory, tokenDigest: tokenDigest(token) };
    const keep = new Keep(around, identity, Belonging.of(to, around.clock()));
    if ('lease' in to && to.lease !== undefined) keep.#lease.grant(to.lease);
    keep.#times.begin();
    await keep.#launch(token, details);
    if ('tenant' in to) around.metrics.created(tee);
    return keep;
  }

  /** A Keep that an earlier daemon left. If its loader lives, it will come back by itself within its ten seconds. */
  static restore(around: KeepSurroundings<Keep>, record: KeepRecord): Keep {
    const keep = new Keep(around, record, new Belonging(record), record);
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

  /** Whether it waits for its workload, and its loader is there to carry it. */
  get isAvailable(): boolean {
    return this.#state === 'ready' && this.#control !== undefined && !this.#stopping && !this.#gone;
  }

  /**
   * Makes a Keep of the pool somebody's, for good. That is on disk when this returns: whatever happens to the daemon, nobody else is given it.
   * @throws EnarxError `keepmgr/state-unusable`; it is then nobody's, and not to be given to anybody
   */
  assign(assignment: Assignment): void {
    const { lease, asked } = assignment;
    const undo = this.belonging.assign(assignment, this.#around.clock());
    if (lease !== undefined) this.#lease.grant(lease);
    try {
      this.#record.write();
    } catch (error) {
      undo();
      this.#lease.end();
      throw error;
    }
    this.#journal.askedBy(asked);
    this.#journal.note('assigned');
    if (asked !== undefined) this.#control?.assigned(asked);
    this.#times.begin();
    this.#around.metrics.created(this.tee);
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
      created: this.belonging.created,
      ...(this.#ended === undefined ? {} : { ended: this.#ended }),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      ...(this.#lease.expires === undefined ? {} : { expires: this.#lease.expires }),
    };
  }

  /**
   * Grants the Keep so many milliseconds from now; then it is stopped.
   * @throws EnarxError `keep/ended`, `keepmgr/state-unusable`
   */
  renew(lease: number, asked: Uint8Array): void {
    if (this.#gone || this.#stopping || hasEnded(this.#state)) throw this.#endedProblem();
    this.#lease.grant(lease);
    this.#record.write();
    this.#journal.line('keep-renewed', { lease }, asked);
    this.#changed();
  }

  /** Its last events, and what its launcher has heard. */
  async log(): Promise<KeepLog> {
    return this.#journal.entriesWith((await this.#around.launcher.log?.(this.id)) ?? []);
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
      log: (entry) => {
        this.#journal.heard(entry);
        if (entry.event === 'relay-failed') this.#channels.failed(entry.stream);
      },
      moment: (moment) => {
        this.#times.gave(moment);
      },
      misbehaved: (detail) => {
        this.#misbehaved(detail);
      },
      closed: () => {
        if (this.#control === control) this.#parted();
      },
    });
    this.#control = control;
    this.#absence.over();
    this.#awaitNext();
    this.#journal.note('loader-connected');
    if (this.#stopping) control.stop();
    this.#changed();
    return true;
  }

  /**
   * A connection to the guest, once it is ready, or to its loader, while it waits for the secret of a launch.
   *
   * @param asked - number of the request, 8 bytes
   * @throws EnarxError `keep/ended`, `keep/not-ready`, `keep/launched`, `keep/channels-full`, `keep/channel-failed`
   */
  async openChannel(to: 'guest' | 'loader', asked?: Uint8Array): Promise<Socket> {
    const deadline = performance.now() + this.#around.limits.readyWait;
    for (;;) {
      if (this.#gone || this.#stopping || this.#state === 'failed') throw this.#endedProblem();
      const control = this.#control;
      const launching = this.#state === 'launching';
      if (to === 'loader' && !launching) throw keepmgrProblem('keep/launched', { found: this.#state });
      if (launching === (to === 'loader') && control !== undefined) {
        const socket = await this.#channels.open((stream) => {
          this.#journal.opens(stream, asked);
          control.open(stream, to);
        });
        if (to === 'guest') this.#times.connected();
        return socket;
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
  async stop(asked?: Uint8Array): Promise<void> {
    if (!this.#gone && !this.#stopping) {
      this.#stopping = true;
      this.#journal.note('stop', undefined, asked);
      this.#journal.line('keep-stops', {}, asked);
      // Nothing in it is anybody's yet that could be ended in order, and a loader that is only starting may not hear for a while.
      if (this.#state === 'launching') this.#endNow();
      else {
        this.#control?.stop();
        this.#channels.refuseAll();
        this.#deadline.within(this.#around.limits.stopTime, () => {
          this.#endNow();
        });
        this.#changed();
      }
    }
    await this.#recordedEnd();
  }

  /** Ends it without asking its loader. */
  async kill(): Promise<void> {
    this.#stopping = true;
    this.#endNow();
    await this.#recordedEnd();
  }

  /** Lets go of it, for a daemon that ends and leaves its Keeps to the next. */
  abandon(): void {
    this.#abandoned = true;
    this.#deadline.over();
    this.#absence.over();
    this.#lease.end();
    this.#control?.close();
    this.#control = undefined;
    this.#channels.destroyAll();
    this.#record.write();
  }

  async #launch(token: Uint8Array, details: LaunchDetails): Promise<void> {
    const { id, tee } = this;
    const { store, launcher } = this.#around;
    await store.make(id);
    const directory = store.directoryOf(id);
    let launched: LaunchedLoader;
    try {
      launched = await launcher.launch(wantedLoader(this, directory, details));
      this.#processes.launched(launched.process);
      this.#journal.note('launched');
      if (this.#gone) throw this.#endedProblem();
      this.#record.write();
    } catch (error) {
      this.#processes.kill();
      this.#lose('keepmgr/launch-failed');
      await this.#remains.cleared;
      await launcher.end?.(id);
      // Nobody was told of it, so nobody will remove it.
      this.#record.forget();
      throw error;
    }
    void launched.exited.then((how) => {
      this.#loaderEnded(how);
    });
    launched.begin(encodeLaunch(details, { id, tee, token, directory }, this.belonging.asked));
    this.#awaitNext();
  }

  #resume(): void {
    if (hasEnded(this.#state) && this.#processes.none) {
      this.#remains.none();
      return;
    }
    if (this.#processes.loaderRuns) {
      this.#journal.note('awaiting-loader');
      this.#absence.begin(this.#around.limits.absence);
    } else {
      this.#lose('keepmgr/lost-keep');
    }
  }

  #endNow(): void {
    this.#apply('stopped');
    this.#tearDown();
  }

  /** Whatever it was for, it is over, and nothing of it is left. */
  #lose(code: KeepmgrProblemCode): void {
    if (!hasEnded(this.#state)) this.#apply('failed', code);
    this.#tearDown();
  }

  #told({ state, reason, processes }: LdrState, first: boolean): void {
    if (this.#processes.adopt(processes ?? [])) this.#record.save();
    if (state === this.#state) return;
    const events = this.#words.heard(this.#state, state, { first, stopping: this.#stopping });
    if (typeof events !== 'string') {
      for (const event of events) this.#apply(event, reason);
      return;
    }
    this.#journal.note('illegal-transition', `${state} after ${this.#state}`);
    this.#journal.line('illegal-transition', { found: state, state: this.#state });
    if (events === 'liar') this.#misbehaved('illegal transitions');
  }

  #misbehaved(detail: string): void {
    this.#journal.note('loader-misbehaved', detail);
    this.#lose('keepmgr/loader-misbehaved');
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
      if (this.belonging.pool === undefined) this.#around.metrics.ended(state, this.#reason);
    }
    this.#journal.note(`state-${state}`, this.#reason);
    this.#journal.line('keep-state', { state, reason: this.#reason });
    this.#awaitNext();
    this.#record.save();
    this.#changed();
  }

  /** Sets the bound on what has to come next, where something has to. */
  #awaitNext(): void {
    if (this.#stopping) return;
    this.#deadline.over();
    const { stopTime, lingerTime } = this.#around.limits;
    if (this.#state === 'launching') {
      this.#deadline.within(Math.max(0, this.#launchDeadline - performance.now()), () => {
        this.#lose('keepmgr/launch-timeout');
      });
    } else if (hasEnded(this.#state)) {
      this.#deadline.within(this.#state === 'exited' ? lingerTime : stopTime, () => {
        this.#tearDown();
      });
    }
  }

  /** The control connection is gone; the loader may be, too. */
  #parted(): void {
    this.#control = undefined;
    this.#changed();
    if (this.#gone) return;
    this.#journal.note('loader-disconnected');
    this.#absence.begin(this.#around.limits.absence);
  }

  #loaderEnded(how: string): void {
    if (this.#gone || this.#abandoned) return;
    const finish = (): void => {
      if (this.#gone || this.#abandoned) return;
      this.#journal.note('loader-ended', how);
      if (this.#stopping) this.#apply('stopped');
      this.#lose('keepmgr/loader-died');
    };
    if (this.#control === undefined) finish();
    else setTimeout(finish, lastFramesTime);
  }

  get #gone(): boolean {
    return this.#remains.gone;
  }

  /** Whatever is left of it: processes, connections, files. The record stays. */
  #tearDown(): void {
    if (this.#gone) return;
    this.#deadline.over();
    this.#absence.over();
    this.#lease.end();
    this.#control?.close();
    this.#control = undefined;
    this.#remains.clear(this.#state === 'failed');
    this.#channels.refuseAll();
    this.#record.save();
    this.#changed();
  }

  async #recordedEnd(): Promise<void> {
    await this.#remains.cleared;
    this.#record.write();
  }

  #endedProblem(): Error {
    return keepmgrProblem('keep/ended', { found: this.#reason });
  }

  #expire(): void {
    if (this.#stopping || hasEnded(this.#state)) return;
    this.#stopReason = 'keep/lease-expired' satisfies KeepmgrProblemCode;
    this.stop().catch((error: unknown) => {
      this.#journal.failed('keep-not-stopped', error);
    });
  }

  #changed(): void {
    this.#around.changed(this);
    this.#changes.emit();
  }

  #recordNow(): KeepRecord {
    const { id, tee, memory } = this;
    return {
      ...{ id, tee, memory },
      ...this.belonging.recorded,
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
