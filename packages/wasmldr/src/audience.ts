// SPDX-License-Identifier: Apache-2.0
import type { FrameStream } from '@enarx/channel/frame-stream';
import {
  credit,
  encodeMessage,
  encodeProblem,
  ended as endedMessage,
  workloadFrame,
  type EnarxError,
  type Ended,
} from '@enarx/protocol';
import type { OutputName } from '@enarx/runtime';

import { wasmldrProblem } from './problems.ts';

/** How the workload ended, or why that is not known. */
export type Outcome = { readonly ended: Ended } | { readonly problem: EnarxError };

/** Milliseconds that the other end has to close a connection on which all was said. */
const longestFarewell = 5000;

/**
 * The owner's connection, of which there is one at a time. Nothing that the program prints is dropped: with nobody there, a
 * program that may outlive its connection is held up, and any other is at its end.
 */
export class Audience {
  readonly #staysAway: boolean;
  #frames: FrameStream | undefined;
  #arrival = Promise.withResolvers<FrameStream>();
  #stdinCredit = 0;
  /** What of it the owner has not been told, and the connection on which the last of it is on its way. */
  #untold = 0;
  #telling: FrameStream | undefined;
  #outcome: Outcome | undefined;

  /** @param detach - whether the owner may leave and come back */
  constructor(detach: boolean) {
    this.#staysAway = detach;
    this.#arrival.promise.catch(() => undefined);
  }

  /** The owner is on this connection now, and no longer on another. */
  join(frames: FrameStream): void {
    const before = this.#frames;
    this.#frames = frames;
    if (before !== undefined) dismiss(before, wasmldrProblem('wasmldr/replaced'));
    this.#untold = this.#stdinCredit;
    this.#tellCredit(frames);
    this.#arrival.resolve(frames);
    if (this.#outcome !== undefined) this.#tell(this.#outcome);
  }

  /** The connection is no more. @returns whether it was the owner's current one, and not one that another has replaced */
  leave(frames: FrameStream): boolean {
    if (this.#frames !== frames) return false;
    this.#frames = undefined;
    this.#arrival = Promise.withResolvers();
    this.#arrival.promise.catch(() => undefined);
    if (!this.#staysAway) this.#arrival.reject(new Error('the owner has gone'));
    return true;
  }

  /** Resolves when the owner's connection has taken it, which may be another by then. Rejects when no owner will come. */
  async output(stream: OutputName, bytes: Uint8Array): Promise<void> {
    for (;;) {
      const frames = this.#frames ?? (await this.#arrival.promise);
      try {
        await frames.send(workloadFrame[stream], bytes);
        return;
      } catch {
        this.leave(frames);
      }
    }
  }

  /** The program reads so many bytes more. An owner who comes back is told what is still open. */
  wantStdin(bytes: number): void {
    this.#stdinCredit += bytes;
    this.#untold += bytes;
    if (this.#frames !== undefined && this.#frames !== this.#telling) this.#tellCredit(this.#frames);
  }

  /** Standard input has come, as far as it was asked for. */
  gotStdin(bytes: number): void {
    this.#stdinCredit = Math.max(0, this.#stdinCredit - bytes);
  }

  /** Whether the outcome is known. */
  get told(): boolean {
    return this.#outcome !== undefined;
  }

  /** To be called when there is no more output. */
  end(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#tell(outcome);
  }

  /** One message at a time: a runner that asks for byte after byte makes neither many nor a queue of them, behind which the owner would wait for the end. */
  #tellCredit(frames: FrameStream): void {
    if (this.#untold === 0 || this.#outcome !== undefined) return;
    const message = encodeMessage(credit, this.#untold);
    this.#untold = 0;
    this.#telling = frames;
    const told = (): void => {
      if (this.#telling !== frames) return;
      this.#telling = undefined;
      if (this.#frames === frames) this.#tellCredit(frames);
    };
    frames.send(workloadFrame.credit, message).then(told, told);
  }

  #tell(outcome: Outcome): void {
    if (this.#frames === undefined) return;
    if ('problem' in outcome) dismiss(this.#frames, outcome.problem);
    else this.#send(workloadFrame.ended, encodeMessage(endedMessage, outcome.ended));
  }

  /** A connection that breaks is noticed where it is read. */
  #send(kind: number, payload: Uint8Array): void {
    this.#frames?.send(kind, payload).catch(() => undefined);
  }
}

/** Says why, and ends the connection. */
export function dismiss(frames: FrameStream, problem: EnarxError): void {
  frames.send(workloadFrame.problem, encodeProblem(problem)).catch(() => undefined);
  farewell(frames);
}

/** Ends the connection: in good order if the other end plays along, and soon in any case. */
export function farewell(frames: FrameStream): void {
  frames.end();
  const timer = setTimeout(() => {
    frames.destroy();
  }, longestFarewell);
  void frames.closed().then(() => {
    clearTimeout(timer);
  });
}
