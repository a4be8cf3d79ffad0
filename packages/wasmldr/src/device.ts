// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import { FrameStream } from '@enarx/channel/frame-stream';
import {
  decodeMessage,
  decodeProblem,
  encodeMessage,
  evidence as evidenceMessage,
  guestClose,
  guestDial,
  guestFrame,
  guestLaunch,
  guestListen,
  guestListening,
  guestRefused,
  guestState,
  reportRequest,
  type Evidence,
  type Frame,
  type GuestDial,
  type GuestLaunch,
  type GuestListen,
  type GuestListening,
  type GuestState,
} from '@enarx/protocol';

import { networkProblem } from './network/problems.ts';
import { wasmldrProblem } from './problems.ts';

type Answer = PromiseWithResolvers<Evidence>;

/** A socket that the host was asked for and has not answered. */
interface AskedSocket extends PromiseWithResolvers<GuestListening> {
  readonly what: 'listen' | 'dial';
  readonly where: string;
}

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
  readonly #sockets = new Map<number, AskedSocket>();
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

  /**
   * Has the host listen for the program.
   * @throws EnarxError `network/not-allowed`, `network/listen-failed`, `wasmldr/host-gone`
   */
  listen(request: GuestListen): Promise<GuestListening> {
    const where = `${request.address ?? 'any address'} port ${String(request.port)}`;
    return this.#ask(request.number, 'listen', where, guestFrame.listen, encodeMessage(guestListen, request));
  }

  /**
   * Has the host connect. What tells that it has is the connection itself.
   * @throws EnarxError `network/not-allowed`, `network/dial-failed`, `wasmldr/host-gone`
   */
  async dial(request: GuestDial): Promise<never> {
    const where = `${request.host} port ${String(request.port)}`;
    await this.#ask(request.number, 'dial', where, guestFrame.dial, encodeMessage(guestDial, request));
    throw wasmldrProblem('wasmldr/host-misbehaved', { found: 'a listener where a connection was asked for' });
  }

  /** The program has closed a listener. */
  closeListener(number: number): void {
    this.#send(guestFrame.close, encodeMessage(guestClose, { number }));
  }

  /** The host has connected; no refusal follows. */
  dialled(number: number): void {
    this.#sockets.delete(number);
  }

  #ask(
    number: number,
    what: AskedSocket['what'],
    where: string,
    kind: number,
    payload: Uint8Array,
  ): Promise<GuestListening> {
    if (!this.#open) return Promise.reject(wasmldrProblem('wasmldr/host-gone'));
    const asked = { ...Promise.withResolvers<GuestListening>(), what, where };
    asked.promise.catch(() => undefined);
    this.#sockets.set(number, asked);
    this.#send(kind, payload);
    return asked.promise;
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
    for (const { reject } of [...this.#asked.splice(0), ...this.#sockets.values()])
      reject(wasmldrProblem('wasmldr/host-gone'));
  }

  #receive(frame: Frame): void {
    if (frame.kind === guestFrame.listening) {
      const listening = decodeMessage(guestListening, frame.payload);
      this.#askedSocket(listening.number, 'listen', frame).resolve(listening);
      return;
    }
    if (frame.kind === guestFrame.refused) {
      const { number, reason } = decodeMessage(guestRefused, frame.payload);
      const { what, where, reject } = this.#askedSocket(number, undefined, frame);
      const failed = what === 'listen' ? 'network/listen-failed' : 'network/dial-failed';
      const code = reason === 'not-allowed' ? 'network/not-allowed' : failed;
      reject(networkProblem(code, { found: `${where}: ${reason}` }));
      return;
    }
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

  #askedSocket(number: number, what: AskedSocket['what'] | undefined, frame: Frame): AskedSocket {
    const asked = this.#sockets.get(number);
    if (asked === undefined || (what !== undefined && asked.what !== what)) throw misbehaved(frame);
    this.#sockets.delete(number);
    return asked;
  }
}

function misbehaved({ kind }: Frame): Error {
  return wasmldrProblem('wasmldr/host-misbehaved', { found: `a frame of kind ${String(kind)}` });
}
