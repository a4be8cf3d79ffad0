// SPDX-License-Identifier: Apache-2.0
import {
  encodeFrameHead,
  encodeProblem,
  maxFramePayload,
  type credit,
  type Ended,
  type ended,
  type EnarxError,
  type Frame,
} from '@enarx/protocol';

import { outputWindow, runnerFrame } from '../runner-frames.ts';
import type { OutputSink } from '../wasi/output-stream.ts';
import { readMessage, writeMessage } from './messages.ts';

/** What the link tells the rest of the runner. */
export interface LinkListener {
  frame(frame: Frame): void;
  /** Where a payload shall be laid that does not come in one piece: this many bytes, or `undefined` for anywhere. */
  room(kind: number, length: number): Uint8Array | undefined;
  /** Output may flow again. */
  writable(): void;
  /** The supervisor has gone. */
  closed(): void;
}

/**
 * The runner's end of the link. Not a `FrameStream`: a program that writes a line must have it out before it computes on, so sending has to
 * happen within the call, without a turn of the event loop.
 */
export abstract class SupervisorLink {
  protected readonly listener: LinkListener;
  #credit = outputWindow;

  constructor(listener: LinkListener) {
    this.listener = listener;
  }

  /** Whether the operating system has not yet taken all that was sent. */
  abstract readonly congested: boolean;

  protected abstract transmit(frame: Uint8Array): void;

  ready(): void {
    this.send(runnerFrame.ready, 0);
  }

  started(): void {
    this.send(runnerFrame.started, 0);
  }

  /** The program answers requests from now on, or still does. */
  serving(): void {
    this.send(runnerFrame.serving, 0);
  }

  wantStdin(bytes: number): void {
    this.sendBytes(runnerFrame.stdinWanted, writeMessage<typeof credit>(bytes));
  }

  ended(end: Ended): void {
    this.sendBytes(runnerFrame.ended, writeMessage<typeof ended>(end));
  }

  problem(error: EnarxError): void {
    this.sendBytes(runnerFrame.problem, encodeProblem(error));
  }

  /** Standard output or standard error; both draw on the one window. */
  output(kind: typeof runnerFrame.stdout | typeof runnerFrame.stderr): OutputSink {
    const credit = (): number => this.#credit;
    const congested = (): boolean => this.congested;
    return {
      largest: maxFramePayload,
      get credit() {
        return credit();
      },
      get congested() {
        return congested();
      },
      send: (length, fill) => {
        this.#credit -= length;
        this.send(kind, length, fill);
      },
    };
  }

  sendBytes(kind: number, payload: Uint8Array): void {
    this.send(kind, payload.length, (target) => {
      target.set(payload);
    });
  }

  /** One buffer and one write for head and payload: the payload is copied out of the program's memory anyhow. */
  send(kind: number, length: number, fill?: (target: Uint8Array) => void): void {
    const head = encodeFrameHead(kind, length);
    const frame = Buffer.allocUnsafe(head.length + length);
    frame.set(head);
    fill?.(frame.subarray(head.length));
    this.transmit(frame);
  }

  protected handle(frame: Frame): void {
    if (frame.kind === runnerFrame.credit) {
      this.#credit += readMessage<typeof credit>(frame.payload);
      this.listener.writable();
    } else {
      this.listener.frame(frame);
    }
  }
}
