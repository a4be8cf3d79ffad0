// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import { FrameStream } from '@enarx/channel/frame-stream';
import {
  decodeMessage,
  decodeProblem,
  encodeMessage,
  evidence as evidenceMessage,
  guestFrame,
  guestLaunch,
  guestState,
  reportRequest,
  type Evidence,
  type Frame,
  type GuestLaunch,
  type GuestState,
} from '@enarx/protocol';

import { wasmldrProblem } from './problems.ts';

type Answer = PromiseWithResolvers<Evidence>;

/**
 * The guest's end of its device: what the host says first, the states that the host is told, and the processor's evidence. The
 * host answers in the order in which it is asked.
 */
export class Device {
  /** Which Keep this is. A claim of the host's, until evidence binds it and a client expects it. */
  readonly launch: GuestLaunch;
  /** Resolves when the host has closed the device, or broken its protocol: the guest then has to end. */
  readonly closed: Promise<void>;
  readonly #frames: FrameStream;
  readonly #asked: Answer[] = [];
  #open = true;
  #flushed: Promise<void> = Promise.resolve();

  /** @throws EnarxError `wasmldr/host-gone`, `frame/…`, `cbor/…`, `message/…` */
  static async open(stream: Duplex): Promise<Device> {
    const frames = new FrameStream(stream);
    const first = await frames.read();
    if (first === undefined) throw wasmldrProblem('wasmldr/host-gone');
    if (first.kind !== guestFrame.launch) throw misbehaved(first);
    return new Device(frames, decodeMessage(guestLaunch, first.payload));
  }

  private constructor(frames: FrameStream, launch: GuestLaunch) {
    this.#frames = frames;
    this.launch = launch;
    this.closed = this.#serve();
  }

  state(state: GuestState['state']): void {
    this.#send(guestFrame.state, encodeMessage(guestState, { state }));
  }

  /** @throws EnarxError what the host reports, `wasmldr/host-gone` */
  report(reportData: Uint8Array): Promise<Evidence> {
    if (!this.#open) return Promise.reject(wasmldrProblem('wasmldr/host-gone'));
    const answer = Promise.withResolvers<Evidence>();
    this.#asked.push(answer);
    this.#send(guestFrame.reportRequest, encodeMessage(reportRequest, { 'report-data': reportData }));
    return answer.promise;
  }

  /** Resolves when all that was said has left, or never will. */
  get flushed(): Promise<void> {
    return this.#flushed;
  }

  /** A device that breaks is noticed where it is read. */
  #send(kind: number, payload: Uint8Array): void {
    this.#flushed = this.#frames.send(kind, payload).catch(() => undefined);
  }

  async #serve(): Promise<void> {
    try {
      for await (const frame of this.#frames) this.#receive(frame);
    } catch {
      // Broken or malformed: either way there is no host any more to whom it could be told.
    }
    this.#open = false;
    this.#frames.destroy();
    for (const { reject } of this.#asked.splice(0)) reject(wasmldrProblem('wasmldr/host-gone'));
  }

  #receive(frame: Frame): void {
    const answer = this.#asked.shift();
    if (answer === undefined) throw misbehaved(frame);
    try {
      if (frame.kind === guestFrame.evidence) answer.resolve(decodeMessage(evidenceMessage, frame.payload));
      else if (frame.kind === guestFrame.problem) answer.reject(decodeProblem(frame.payload));
      else throw misbehaved(frame);
    } catch (error) {
      answer.reject(error);
      throw error;
    }
  }
}

function misbehaved({ kind }: Frame): Error {
  return wasmldrProblem('wasmldr/host-misbehaved', { found: `a frame of kind ${String(kind)}` });
}
