// SPDX-License-Identifier: Apache-2.0
import { readvSync, writeSync } from 'node:fs';

import { decodeFrameHead, longestHead, type FrameHead } from '@enarx/protocol';

import { longestLinkPayload, runnerFrame } from '../runner-frames.ts';
import type { wakeMessage } from '../runner-messages.ts';
import type { Waiting } from '../wasi/waiting.ts';
import { SupervisorLink, type LinkListener } from './link.ts';
import { writeMessage } from './messages.ts';

const readSize = 65_536;
const longestPause = 0x7fff_ffff;
const nothing = new Uint8Array(0);

/**
 * The link for an engine that cannot suspend a program: whoever waits blocks the process in a read of the pipe. A pipe read has no timeout, so a program that
 * waits for a while asks the supervisor to say when that is over.
 */
export class BlockingLink extends SupervisorLink {
  protected readonly fd: number;
  /** What was read and not handled yet: from `#at` on. */
  #chunk: Uint8Array = nothing;
  #at = 0;

  constructor(fd: number, listener: LinkListener) {
    super(listener);
    this.fd = fd;
  }

  // eslint-disable-next-line @typescript-eslint/class-literal-property-style -- another link has another answer
  get congested(): boolean {
    return false;
  }

  /** Handles one frame, however long that takes. It may be the one that starts the program, which then receives itself what it waits for. */
  receive(): void {
    const { kind, length, payload: size } = this.#head();
    const begin = this.#at + length;
    const end = begin + size;
    this.#at = Math.min(end, this.#chunk.length);
    if (end <= this.#chunk.length) {
      this.handle({ kind, payload: this.#chunk.subarray(begin, end) });
      return;
    }
    const payload = this.listener.room(kind, size) ?? new Uint8Array(size);
    const first = this.#chunk.subarray(begin);
    payload.set(first);
    this.#fill(payload, first.length);
    this.handle({ kind, payload });
  }

  /** Carries a waiting call to its end. */
  run(call: Waiting<number>): number {
    for (;;) {
      const step = call.next();
      if (step.done === true) return step.value;
      // The supervisor keeps one wake-up for a runner, the latest asked for. One that comes when its call is over makes the next one look in vain once.
      if (step.value !== undefined)
        this.sendBytes(
          runnerFrame.wakeIn,
          writeMessage<typeof wakeMessage>(Math.min(step.value, longestPause)),
        );
      this.receive();
    }
  }

  protected transmit(frame: Uint8Array): void {
    for (let sent = 0; sent < frame.length;) sent += writeSync(this.fd, frame, sent);
  }

  /** What was read beyond the last frame that was handled, for whoever reads on. */
  protected takeRest(): Uint8Array {
    const rest = this.#chunk.subarray(this.#at);
    this.#chunk = nothing;
    this.#at = 0;
    return rest;
  }

  #head(): FrameHead {
    for (;;) {
      if (this.#at < this.#chunk.length) {
        const head = decodeFrameHead(this.#chunk, this.#at, longestLinkPayload);
        if (head !== undefined) return head;
      }
      const rest = this.takeRest();
      const chunk = new Uint8Array(rest.length + readSize);
      chunk.set(rest);
      const length = this.#read([chunk.subarray(rest.length)]);
      this.#chunk = chunk.subarray(0, rest.length + length);
    }
  }

  /** Reads straight into the payload, so that bulk data is copied by the kernel only; and the head of the next frame with it. */
  #fill(payload: Uint8Array, from: number): void {
    for (let filled = from; filled < payload.length;) {
      const next = new Uint8Array(longestHead);
      const missing = payload.subarray(filled);
      const length = this.#read([missing, next]);
      filled += length;
      if (length <= missing.length) continue;
      this.#chunk = next.subarray(0, length - missing.length);
      this.#at = 0;
    }
  }

  #read(into: Uint8Array[]): number {
    let length = 0;
    try {
      length = readvSync(this.fd, into);
    } catch {
      // As if it were closed.
    }
    if (length === 0) this.listener.closed();
    return length;
  }
}
