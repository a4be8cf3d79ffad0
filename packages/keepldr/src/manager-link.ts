// SPDX-License-Identifier: Apache-2.0
import { connect, type Socket } from 'node:net';

import { FrameStream } from '@enarx/channel/frame-stream';
import {
  cutText,
  decodeMessage,
  encodeFrameHead,
  encodeMessage,
  ldrAssigned,
  ldrHello,
  ldrLog,
  ldrMoment,
  ldrOpen,
  ldrState,
  managerFrame,
  protocolVersion,
  type LdrLog,
  type LdrMoment,
  type LdrState,
} from '@enarx/protocol';

import { Pace } from './pace.ts';

/** How long a keepmgr may be away: long enough to be restarted, short enough that nothing is left behind when it is not. */
const longestAbsence = 10_000;
const retryAfter = 100;
/** A connection that ended sooner, without a word, was refused: a manager that turns us away must not keep us alive. */
const shortestAcceptance = 2000;
const longestQueue = 64;
/** What a client can bring about again and again must not become more frames than a manager takes from a loader. */
const oftenBurst = 8;
const oftenPerSecond = 2;

export interface LinkEvents {
  /** Asked to open a relay connection with this number, to the guest or to the loader itself. */
  open(stream: number, to: 'guest' | 'loader'): void;
  /** Asked to destroy the Keep. */
  stop(): void;
  /** The manager was away for too long. Nothing follows. */
  lost(): void;
}

export interface LinkOptions {
  /** Path of the manager's socket. */
  readonly path: string;
  /** Keep id, 16 bytes. */
  readonly id: Uint8Array;
  readonly token: Uint8Array;
  /** The request that asked for the Keep. Without it, it is of the pool, and the manager tells it once somebody does. */
  readonly request: Uint8Array | undefined;
}

/** Something that an operator may want to know. */
export interface Note {
  /** `keepldr`, where it is left out. */
  readonly source?: 'wasmldr';
  readonly event: string;
  readonly detail?: string;
  /** The relay connection that it is about. */
  readonly stream?: number;
}

/**
 * The control connection to the keepmgr. It comes back by itself, and says again where the Keep stands whenever it does;
 * the manager may be another one by then.
 */
export class ManagerLink {
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  #frames: FrameStream | undefined;
  #state: LdrState;
  readonly #logs: LdrLog[] = [];
  readonly #often = new Pace(oftenBurst, oftenPerSecond);
  #request: Uint8Array | undefined;
  #awaySince = performance.now();
  #closed = false;
  #flushed: Promise<void> = Promise.resolve();

  constructor(options: LinkOptions, state: LdrState, events: LinkEvents) {
    this.#options = options;
    this.#request = options.request;
    this.#events = events;
    this.#state = state;
    void this.#run();
  }

  /** Tells the manager, now or when it is back. */
  state(state: LdrState): void {
    this.#state = state;
    this.#send(managerFrame.state, encodeMessage(ldrState, state));
  }

  log({ source, event, detail, stream }: Note): void {
    const entry: LdrLog = {
      time: Date.now(),
      source: source ?? 'keepldr',
      event: cutText(event, 64),
      ...(detail === undefined ? {} : { detail: cutText(detail, 512) }),
      ...(this.#request === undefined ? {} : { request: this.#request }),
      ...(stream === undefined ? {} : { stream }),
    };
    if (this.#frames !== undefined) this.#send(managerFrame.log, encodeMessage(ldrLog, entry));
    else if (this.#logs.length < longestQueue) this.#logs.push(entry);
  }

  /** The same for what a client can bring about again and again: not all of it is told. */
  logOften(note: Note): void {
    if (this.#often.take()) this.log(note);
  }

  /** For metrics, so it is told now or never, and not all of it. */
  moment(moment: LdrMoment): void {
    if (this.#often.take()) this.#send(managerFrame.moment, encodeMessage(ldrMoment, moment));
  }

  /** A relay connection: from the next byte on it carries what is not ours to read. */
  openRelay(stream: number): Socket {
    const socket = connect({ path: this.#options.path, allowHalfOpen: true });
    const payload = this.#hello(stream);
    socket.write(encodeFrameHead(managerFrame.hello, payload.length));
    socket.write(payload);
    return socket;
  }

  /** Ends the connection when everything was handed to the kernel, or after a second. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.race([this.#flushed, new Promise((resolve) => setTimeout(resolve, 1000).unref())]);
    this.#frames?.destroy();
  }

  #hello(stream?: number): Uint8Array {
    const { id, token } = this.#options;
    return encodeMessage(ldrHello, {
      protocol: protocolVersion,
      id,
      token,
      ...(stream === undefined ? {} : { stream }),
    });
  }

  #send(kind: number, payload: Uint8Array): void {
    const frames = this.#frames;
    if (frames === undefined) return;
    this.#flushed = frames.send(kind, payload).catch(() => undefined);
  }

  /** Asked anew: it may be closed while something is waited for. */
  #isClosed(): boolean {
    return this.#closed;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const began = performance.now();
      const heard = await this.#converse();
      if (this.#isClosed()) return;
      const now = performance.now();
      if (heard || now - began > shortestAcceptance) this.#awaySince = now;
      if (now - this.#awaySince > longestAbsence) {
        this.#events.lost();
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, retryAfter));
    }
  }

  /** One connection, from hello to its end. Resolves to whether the manager said anything. */
  async #converse(): Promise<boolean> {
    let heard = false;
    const socket = connect({ path: this.#options.path });
    const frames = new FrameStream(socket);
    try {
      await frames.send(managerFrame.hello, this.#hello());
      this.#frames = frames;
      this.#send(managerFrame.state, encodeMessage(ldrState, this.#state));
      for (const entry of this.#logs.splice(0)) this.#send(managerFrame.log, encodeMessage(ldrLog, entry));
      for await (const frame of frames) {
        heard = true;
        if (frame.kind === managerFrame.open) {
          const { stream, to = 'guest' } = decodeMessage(ldrOpen, frame.payload);
          this.#events.open(stream, to);
        } else if (frame.kind === managerFrame.stop) this.#events.stop();
        else if (frame.kind === managerFrame.assigned)
          this.#request = decodeMessage(ldrAssigned, frame.payload).request;
        else break;
      }
    } catch {
      // Refused, broken or talking nonsense: all mean that there is no manager at the other end just now.
    } finally {
      this.#frames = undefined;
      frames.destroy();
    }
    return heard;
  }
}
