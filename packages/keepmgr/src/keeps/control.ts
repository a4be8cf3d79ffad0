// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';

import { FrameStream } from '@enarx/channel/frame-stream';
import { Pace } from '@enarx/keepldr/pace';
import {
  decodeMessage,
  encodeMessage,
  ldrAssigned,
  ldrLog,
  ldrMoment,
  ldrOpen,
  ldrState,
  managerFrame,
  type LdrLog,
  type LdrMoment,
  type LdrState,
} from '@enarx/protocol';

import type { Limits } from '../limits.ts';

export interface ControlEvents {
  /** @param first - whether it is the first on this connection: the loader then says where its Keep stands by now */
  state(message: LdrState, first: boolean): void;
  log(entry: LdrLog): void;
  moment(moment: LdrMoment): void;
  /** The loader sent what it may not send, or too much. The connection is gone. */
  misbehaved(detail: string): void;
  /** The connection is gone. Always comes, and comes last. */
  closed(): void;
}

/** The control connection of one loader, after its hello. */
export class Control {
  readonly #frames: FrameStream;
  readonly #socket: Socket;

  constructor(socket: Socket, limits: Limits, events: ControlEvents) {
    this.#socket = socket;
    this.#frames = new FrameStream(socket);
    void this.#read(new Pace(limits.frameBurst, limits.framesPerSecond), events);
  }

  open(stream: number, to: 'guest' | 'loader'): void {
    this.#send(managerFrame.open, encodeMessage(ldrOpen, { stream, ...(to === 'loader' ? { to } : {}) }));
  }

  /** The Keep was of the pool and is somebody's now. @param request - number of the request, 8 bytes */
  assigned(request: Uint8Array): void {
    this.#send(managerFrame.assigned, encodeMessage(ldrAssigned, { request }));
  }

  stop(): void {
    this.#send(managerFrame.stop, new Uint8Array(0));
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Few and small, so a loader that does not read costs little; whoever waits for the effect has a time limit. */
  #send(kind: number, payload: Uint8Array): void {
    this.#frames.send(kind, payload).catch(() => undefined);
  }

  async #read(pace: Pace, events: ControlEvents): Promise<void> {
    let first = true;
    try {
      for await (const frame of this.#frames) {
        if (!pace.take()) throw new Error('more frames than a loader may send');
        if (frame.kind === managerFrame.state) {
          events.state(decodeMessage(ldrState, frame.payload), first);
          first = false;
        } else if (frame.kind === managerFrame.log) {
          events.log(decodeMessage(ldrLog, frame.payload));
        } else if (frame.kind === managerFrame.moment) {
          events.moment(decodeMessage(ldrMoment, frame.payload));
        } else {
          throw new Error(`a frame of kind ${String(frame.kind)}`);
        }
      }
    } catch (error) {
      // A broken connection is no misdeed: it says so itself, with a code of the operating system.
      if (!isSystemError(error)) events.misbehaved((error as Error).message);
    } finally {
      this.#socket.destroy();
      events.closed();
    }
  }
}

function isSystemError(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'frame/truncated' || (typeof code === 'string' && /^E[A-Z]|^ERR_STREAM/.test(code));
}
