// SPDX-License-Identifier: Apache-2.0
import { ReportedError } from '@enarx/channel';
import type { FrameStream } from '@enarx/channel/frame-stream';
import {
  accepted as acceptedMessage,
  compareBytes,
  credit as creditMessage,
  decodeMessage,
  decodeProblem,
  ended as endedMessage,
  EnarxError,
  maxFramePayload,
  toHex,
  workloadFrame,
  type Accepted,
  type Ended,
  type Frame,
  type MessageType,
} from '@enarx/protocol';

import { clientProblem } from './problems.ts';
import type { Session } from './session.ts';
import { sinkFor, Source, type InputSource, type OutputTarget, type Sink } from './streams.ts';

export interface ProgramStreams {
  /** None is the same as one that is at its end. */
  readonly stdin?: InputSource | undefined;
  readonly stdout: OutputTarget;
  readonly stderr: OutputTarget;
}

/** A listener of the program, by the number of its descriptor, and where it can be reached. The place is what the host says. */
export type Listening = NonNullable<Accepted['listening']>[number];

/** Milliseconds from the last byte of a workload to the Keep's word on it; compiling a large module takes its time. */
const longestAnswer = 120_000;

/** The conversation with a program: what it prints, what it reads, how it ended. One connection, until either side ends it. */
export class Conversation {
  /** Called when the Keep's word on the workload comes: it may be heard before the last write is known to be done. */
  onAnswer: (() => void) | undefined;
  /** Resolves when the Keep has accepted the workload. */
  readonly accepted: Promise<unknown>;
  readonly ended: Promise<Ended>;
  /** Where the host says that it listens for the program. Known when the workload is accepted. */
  listening: readonly Listening[] = [];
  readonly #frames: FrameStream;
  readonly #session: Session;
  readonly #delivered: Uint8Array | undefined;
  readonly #sinks: Readonly<Record<'stdout' | 'stderr', Sink>>;
  readonly #input: Source;
  readonly #accepted = Promise.withResolvers<undefined>();
  readonly #ended = Promise.withResolvers<Ended>();
  #isAccepted = false;
  #over = false;
  #credit = 0;
  #creditCame: (() => void) | undefined;
  #answerTimer: NodeJS.Timeout | undefined;
  #pumping = false;

  /** @param delivered - SHA-256 of the module that was announced; none where nothing is delivered, and then nothing can be accepted */
  constructor(
    frames: FrameStream,
    { stdin = [], stdout, stderr }: ProgramStreams,
    session: Session,
    delivered?: Uint8Array,
  ) {
    this.#frames = frames;
    this.#session = session;
    this.#delivered = delivered;
    this.#sinks = { stdout: sinkFor(stdout), stderr: sinkFor(stderr) };
    this.#input = new Source(stdin);
    this.accepted = this.#accepted.promise;
    this.ended = this.#ended.promise;
    // Whoever waits gets the rejection; nobody waiting yet is no reason to end the process.
    this.accepted.catch(() => undefined);
    this.ended.catch(() => undefined);
  }

  start(): void {
    const { signal } = this.#session;
    const abort = (): void => {
      this.#finish(clientProblem('client/aborted', { cause: signal?.reason }));
    };
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    void this.ended.catch(() => undefined).then(() => signal?.removeEventListener('abort', abort));
    void this.#receive();
  }

  /** The workload is on its way whole. */
  expectAnswer(): void {
    if (this.#isAccepted || this.#over) return;
    this.#answerTimer = setTimeout(() => {
      this.#finish(clientProblem('client/keep-timeout', { found: 'no word on the workload' }));
    }, longestAnswer);
  }

  /** For a program that was accepted on another connection. */
  takeForAccepted(): void {
    this.#accept();
  }

  leave(): void {
    this.#finish(clientProblem('client/aborted'));
  }

  /** Ends the conversation because something of ours failed. @returns why it ended: what the Keep said, where it said something */
  async fail(error: unknown): Promise<unknown> {
    // The Keep's last word may still be on its way when a write fails because it has closed.
    if (!(error instanceof EnarxError)) await Promise.race([this.ended.catch(() => undefined), soon()]);
    this.#finish(error instanceof EnarxError ? error : cutOff(error));
    return this.ended.then(
      () => error,
      (reason: unknown) => reason,
    );
  }

  async #receive(): Promise<void> {
    try {
      for await (const frame of this.#frames) {
        const ended = await this.#handle(frame);
        if (ended !== undefined) {
          this.#finish(undefined, ended);
          return;
        }
      }
      this.#finish(cutOff());
    } catch (error) {
      this.#finish(error instanceof EnarxError && error.code !== 'frame/truncated' ? error : cutOff(error));
    }
  }

  /** @returns how the program ended, with its last frame */
  async #handle({ kind, payload }: Frame): Promise<Ended | undefined> {
    switch (kind) {
      case workloadFrame.stdout:
        return this.#print('stdout', payload);
      case workloadFrame.stderr:
        return this.#print('stderr', payload);
      case workloadFrame.accepted: {
        if (this.#isAccepted) throw unexpected('a second acceptance');
        const { digest, listening = [] } = this.#decode(acceptedMessage, payload);
        this.#requireDelivered(digest);
        this.listening = listening;
        this.onAnswer?.();
        this.#session.steps.take(9, `SHA-256 ${toHex(digest)}`);
        this.#accept();
        return undefined;
      }
      case workloadFrame.credit:
        this.#requireAccepted('a request for input');
        this.#credit += this.#decode(creditMessage, payload);
        this.#creditCame?.();
        if (!this.#pumping) void this.#pump();
        return undefined;
      case workloadFrame.ended: {
        this.#requireAccepted('an end');
        const ended = this.#decode(endedMessage, payload);
        this.#session.steps.take(10, ended.how);
        return ended;
      }
      case workloadFrame.problem:
        this.#session.tap?.('received', 'problem', payload);
        throw new ReportedError('keep', decodeProblem(payload));
      default:
        throw unexpected(`a frame of kind ${String(kind)}`);
    }
  }

  async #print(stream: 'stdout' | 'stderr', payload: Uint8Array): Promise<undefined> {
    this.#requireAccepted('output');
    this.#session.tap?.('received', stream, payload);
    try {
      await this.#sinks[stream].write(payload);
    } catch (cause) {
      throw clientProblem('client/output-failed', { found: `${stream}: ${(cause as Error).message}`, cause });
    }
  }

  #decode<T>(type: MessageType<T>, payload: Uint8Array): T {
    this.#session.tap?.('received', type.name, payload);
    return decodeMessage(type, payload);
  }

  #accept(): void {
    this.#isAccepted = true;
    clearTimeout(this.#answerTimer);
    this.#accepted.resolve(undefined);
  }

  /** A Keep that names another module has not started ours, whatever it has started. */
  #requireDelivered(digest: Uint8Array): void {
    const delivered = this.#delivered;
    if (delivered !== undefined && compareBytes(digest, delivered) === 0) return;
    throw clientProblem('client/keep-answer', {
      found: `an acceptance of SHA-256 ${toHex(digest)}`,
      expected: delivered === undefined ? 'none' : `SHA-256 ${toHex(delivered)}`,
    });
  }

  #requireAccepted(found: string): void {
    if (!this.#isAccepted) throw unexpected(`${found} before the workload was accepted`);
  }

  /** Reads standard input when the program does, and no sooner: what it does not read stays where it is. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    try {
      for (let chunk = await this.#nextInput(); chunk !== undefined; chunk = await this.#nextInput()) {
        for (let at = 0; at < chunk.length;) {
          const most = Math.min(maxFramePayload, await this.#someCredit());
          const piece = chunk.subarray(at, at + most);
          at += piece.length;
          this.#credit -= piece.length;
          await this.#send(workloadFrame.stdin, piece, 'stdin');
        }
      }
      await this.#send(workloadFrame.stdinEnd);
    } catch (error) {
      this.#finish(error instanceof EnarxError ? error : cutOff(error));
    }
  }

  async #nextInput(): Promise<Uint8Array | undefined> {
    try {
      return await this.#input.next();
    } catch (cause) {
      throw clientProblem('client/input-failed', { found: (cause as Error).message, cause });
    }
  }

  async #someCredit(): Promise<number> {
    while (this.#credit === 0) {
      const came = Promise.withResolvers<undefined>();
      this.#creditCame = () => {
        came.resolve(undefined);
      };
      await came.promise;
    }
    return this.#credit;
  }

  async #send(kind: number, payload?: Uint8Array, rule?: string): Promise<void> {
    if (payload !== undefined && rule !== undefined) this.#session.tap?.('sent', rule, payload);
    await this.#frames.send(kind, payload);
  }

  #finish(error: unknown, ended?: Ended): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#answerTimer);
    this.#input.giveUp();
    this.#sinks.stdout.release();
    this.#sinks.stderr.release();
    if (ended === undefined) {
      this.#frames.destroy();
      this.#accepted.reject(error);
      this.#ended.reject(error);
      return;
    }
    // In good order, so that the Keep knows that its last word was heard.
    this.#frames.end();
    const timer = setTimeout(() => {
      this.#frames.destroy();
    }, longestFarewell);
    void this.#frames.closed().then(() => {
      clearTimeout(timer);
    });
    void drain(this.#frames);
    this.#ended.resolve(ended);
  }
}

const longestFarewell = 2000;
const lastWordTime = 1000;

function soon(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, lastWordTime);
  });
}

/** A connection that is not read would not notice that it is closed. */
async function drain(frames: FrameStream): Promise<void> {
  try {
    while ((await frames.read()) !== undefined);
  } catch {
    return;
  }
}

function unexpected(found: string): EnarxError {
  return clientProblem('client/keep-answer', { found });
}

function cutOff(cause?: unknown): EnarxError {
  return clientProblem('client/cut-off', { cause });
}
