// SPDX-License-Identifier: Apache-2.0
import { readSync, writeSync } from 'node:fs';

import { encodeMessage, type Frame } from '@enarx/protocol';

import { runnerFrame, wakeMessage } from '../runner-frames.ts';
import type { Waiting } from '../wasi/waiting.ts';
import { SupervisorLink, type LinkListener } from './link.ts';

const readSize = 65_536;
const longestPause = 0x7fff_ffff;

/**
 * The link for an engine that cannot suspend a program: whoever waits blocks the process in a read of the pipe. A pipe read has no timeout, so a program that
 * waits for a while asks the supervisor to say when that is over.
 */
export class BlockingLink extends SupervisorLink {
  readonly congested = false;
  readonly #fd: number;
  /** Frames that came together with one that was handled, which may be the one that started the program. */
  readonly #waiting: Frame[] = [];

  constructor(fd: number, listener: LinkListener) {
    super(listener);
    this.#fd = fd;
  }

  /** Handles frames until one was handled, however long that takes. */
  receive(): void {
    for (;;) {
      const frame = this.#waiting.shift();
      if (frame !== undefined) {
        this.handle(frame);
        return;
      }
      const chunk = new Uint8Array(readSize);
      const length = this.#read(chunk);
      if (length === 0) this.listener.closed();
      this.#waiting.push(...this.cut(chunk.subarray(0, length)));
    }
  }

  /** Carries a waiting call to its end. */
  run(call: Waiting<number>): number {
    for (;;) {
      const step = call.next();
      if (step.done === true) return step.value;
      // The supervisor keeps one wake-up for a runner, the latest asked for. One that comes when its call is over makes the next one look in vain once.
      if (step.value !== undefined)
        this.sendBytes(runnerFrame.wakeIn, encodeMessage(wakeMessage, Math.min(step.value, longestPause)));
      this.receive();
    }
  }

  protected transmit(frame: Uint8Array): void {
    for (let sent = 0; sent < frame.length;) sent += writeSync(this.#fd, frame, sent);
  }

  #read(chunk: Uint8Array): number {
    try {
      return readSync(this.#fd, chunk);
    } catch {
      return 0;
    }
  }
}
