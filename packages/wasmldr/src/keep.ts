// SPDX-License-Identifier: Apache-2.0
import { timingSafeEqual } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import type { Conversation, KeepServices } from '@enarx/channel';
import type { FrameStream } from '@enarx/channel/frame-stream';
import {
  accepted,
  encodeMessage,
  EnarxError,
  protocolProblem,
  workloadFrame,
  type Deliver,
  type File,
  type Frame,
  type GuestState,
} from '@enarx/protocol';
import { isSocket, type Run, type Runner, type Shape } from '@enarx/runtime';

import { Audience, dismiss, farewell, type Outcome } from './audience.ts';
import { DeliveredPackage } from './delivered-package.ts';
import { readDeliver, readModule } from './delivery.ts';
import type { ProgramNetwork } from './network/program-network.ts';
import { wasmldrProblem } from './problems.ts';

/** Milliseconds. */
export interface KeepTimes {
  /** Between two frames of a delivery. */
  readonly deliverySilence: number;
  /** For which a Keep that failed waits for its client to read why. */
  readonly lastWord: number;
}

export const defaultKeepTimes: KeepTimes = { deliverySilence: 60_000, lastWord: 3000 };

export interface KeepOptions {
  /** The host is told states and nothing else. */
  readonly tellHost: (state: GuestState['state']) => void;
  /** Starts a runner. */
  readonly startRunner: (shape?: Shape) => Runner;
  readonly times?: Partial<KeepTimes> | undefined;
}

/** Opens the sockets of a program. @throws EnarxError `network/…` */
type OpenNetwork = (files: readonly File[]) => Promise<ProgramNetwork>;

interface Program {
  readonly run: Run;
  /** Resolves when the end was told to everybody. */
  readonly over: Promise<void>;
  readonly audience: Audience;
  readonly detach: boolean;
  stdinEnded: boolean;
}

/** One workload, from one owner, once: ready → claimed → running → exited | failed. */
export class Keep implements KeepServices {
  /** Resolves when there is nothing left to do or to tell: the guest may end. */
  readonly finished: Promise<unknown>;
  readonly #finish: () => void;
  readonly #tellHost: KeepOptions['tellHost'];
  readonly #startRunner: KeepOptions['startRunner'];
  readonly #times: KeepTimes;
  #expected: Uint8Array | undefined;
  #openNetwork: OpenNetwork | undefined;
  #network: ProgramNetwork | undefined;
  #runner: Runner | undefined;
  /** SHA-256 of the key of whoever delivers first. */
  #owner: Uint8Array | undefined;
  #delivery: FrameStream | undefined;
  #program: Program | undefined;
  #failed = false;

  constructor({ tellHost, startRunner, times }: KeepOptions) {
    this.#tellHost = tellHost;
    this.#startRunner = startRunner;
    this.#times = { ...defaultKeepTimes, ...times };
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.finished = promise;
    this.#finish = () => {
      resolve(undefined);
    };
  }

  /** How programs with sockets get them. To be called before a workload can come. */
  useNetwork(open: OpenNetwork): void {
    this.#openNetwork = open;
  }

  /** Starts a first runner, to boot while the workload is still on its way. */
  prepare(): void {
    this.#runner ??= this.#startRunner();
  }

  /** Ends whatever runs, at once. */
  kill(): void {
    this.#runner?.kill();
  }

  /** Settles who may deliver before anybody does. @param owner - SHA-256 of the client's key, 32 bytes */
  reserve(owner: Uint8Array): void {
    this.#expected = owner;
  }

  deliver(clientKey: Uint8Array): Conversation {
    if (this.#expected !== undefined && !timingSafeEqual(this.#expected, clientKey))
      throw wasmldrProblem('wasmldr/not-owner');
    if (this.#owner !== undefined) throw wasmldrProblem('wasmldr/workload-taken');
    this.#owner = clientKey;
    this.#tellHost('claimed');
    return (frames) => {
      this.#delivery = frames;
      void this.#take(frames);
    };
  }

  attach(clientKey: Uint8Array): Conversation {
    this.#requireOwner(clientKey);
    const program = this.#program;
    if (program === undefined) throw wasmldrProblem('wasmldr/not-running');
    return (frames) => {
      void this.#converse(frames, program);
    };
  }

  async stop(clientKey: Uint8Array): Promise<void> {
    this.#requireOwner(clientKey);
    if (this.#program === undefined && this.#delivery !== undefined) {
      void this.#fail(this.#delivery, wasmldrProblem('wasmldr/stopped'));
      return;
    }
    this.#program?.run.kill();
    await this.#runner?.exited;
  }

  #requireOwner(clientKey: Uint8Array): void {
    if (this.#owner === undefined || !timingSafeEqual(this.#owner, clientKey))
      throw wasmldrProblem('wasmldr/not-owner');
  }

  async #take(frames: FrameStream): Promise<void> {
    let program: Program;
    try {
      program = await this.#receive(frames);
    } catch (error) {
      await this.#fail(frames, asProblem(error));
      return;
    }
    await this.#converse(frames, program);
  }

  /** Resolves when the program has started, or would have, had it not reached a limit before. */
  async #receive(frames: FrameStream): Promise<Program> {
    const { deliverySilence } = this.#times;
    const deliver = await readDeliver(frames, deliverySilence);
    const audience = new Audience(deliver.detach);
    const started = Promise.withResolvers<undefined>();
    const { size, args, env, limits, files, optimize } = deliver;
    const contents =
      deliver.package === undefined
        ? undefined
        : new DeliveredPackage(frames, deliver.package, deliverySilence);
    const network = await this.#networkFor(files ?? []);
    const run = this.#runnerFor(deliver).run({
      size,
      args,
      env,
      limits,
      files,
      optimize,
      package: contents,
      network,
      onStarted: () => {
        started.resolve(undefined);
      },
      onStdinWanted: (bytes) => {
        audience.wantStdin(bytes);
      },
      onOutput: (stream, bytes) => audience.output(stream, bytes),
    });
    const received = async (): Promise<void> => {
      await contents?.taken;
      await readModule(frames, deliver, deliverySilence, (chunk) => run.writeModule(chunk));
    };
    // The runner may refuse before everything has come.
    await Promise.race([received(), run.ended]);
    await Promise.race([started.promise, run.ended]);
    if (this.#delivery === undefined) throw wasmldrProblem('wasmldr/stopped');
    this.#delivery = undefined;
    this.#tellHost('running');
    const over = this.#follow(run, audience, network);
    const program = { run, audience, over, detach: deliver.detach, stdinEnded: false };
    this.#program = program;
    // Before the owner is made to hear anything else.
    const listening = network?.whereItListens;
    const answer = { digest: deliver.digest, ...(listening === undefined ? {} : { listening }) };
    frames.send(workloadFrame.accepted, encodeMessage(accepted, answer)).catch(() => undefined);
    return program;
  }

  /** Before the program: what it listens on must be known to its owner when it runs, and what it is connected to must be there. */
  async #networkFor(files: readonly File[]): Promise<ProgramNetwork | undefined> {
    if (!files.some(isSocket)) return undefined;
    this.#network = await this.#openNetwork?.(files);
    return this.#network;
  }

  async #follow(run: Run, audience: Audience, network: ProgramNetwork | undefined): Promise<void> {
    const outcome: Outcome = await run.ended.then(
      (ended) => ({ ended }),
      (error: unknown) => ({ problem: asProblem(error) }),
    );
    network?.destroy();
    // Whatever became of the program, the Keep did what it is for; how it ended is not for the host to know.
    this.#tellHost('exited');
    audience.end(outcome);
  }

  /** One connection of the owner's, from its beginning to its end. */
  async #converse(frames: FrameStream, program: Program): Promise<void> {
    const { audience, run, detach, over } = program;
    audience.join(frames);
    const orderly = await this.#hear(frames, program);
    farewell(frames);
    if (!audience.leave(frames) || detach) return;
    // The end may have been lost with the connection: its owner can come back for it.
    if (audience.told && !orderly) return;
    run.kill();
    await over;
    this.#finish();
  }

  /** @returns whether the connection was ended by the other side in good order */
  async #hear(frames: FrameStream, program: Program): Promise<boolean> {
    try {
      for await (const frame of frames) this.#input(frame, frames, program);
      return true;
    } catch (error) {
      if (error instanceof EnarxError && error.kind === 'malformed') dismiss(frames, error as EnarxError);
      return false;
    }
  }

  #input({ kind, payload }: Frame, frames: FrameStream, program: Program): void {
    const { run, audience } = program;
    if (kind === workloadFrame.stdin && payload.length > 0 && !program.stdinEnded) {
      audience.gotStdin(payload.length);
      // Not waited for, so that a program that does not read cannot hide that its owner has gone; its credit bounds what waits.
      run.writeStdin(payload).catch((error: unknown) => {
        dismiss(frames, asProblem(error));
      });
    } else if (kind === workloadFrame.stdinEnd && !program.stdinEnded) {
      program.stdinEnded = true;
      run.endStdin();
    } else {
      throw protocolProblem('frame/unexpected', { found: `kind ${String(kind)}` });
    }
  }

  async #fail(frames: FrameStream, problem: EnarxError): Promise<void> {
    this.#delivery = undefined;
    if (this.#failed) return;
    this.#failed = true;
    this.#tellHost('failed');
    this.#runner?.kill();
    this.#network?.destroy();
    dismiss(frames, problem);
    await Promise.race([drain(frames), delay(this.#times.lastWord)]);
    this.#finish();
  }

  #runnerFor(shape: Deliver): Runner {
    if (this.#runner?.fits(shape) === true) return this.#runner;
    this.#runner?.kill();
    this.#runner = this.#startRunner(shape);
    return this.#runner;
  }
}

/** Takes what still comes and drops it, so that the other side gets to read why. */
async function drain(frames: FrameStream): Promise<void> {
  try {
    while ((await frames.read()) !== undefined);
  } catch {
    return;
  }
}

function asProblem(error: unknown): EnarxError {
  // What a bug says of itself is not for clients.
  return error instanceof EnarxError
    ? (error as EnarxError)
    : wasmldrProblem('wasmldr/failed', { cause: error });
}
