// SPDX-License-Identifier: Apache-2.0
import type * as Net from 'node:net';

import { FrameReader } from '@enarx/protocol';

import { longestLinkPayload } from '../runner-frames.ts';
import { BlockingLink } from './blocking-link.ts';

/**
 * The link for a program that can be suspended. Until the program runs there is nothing to do but to read, and a program that prints and ends never waits: so it
 * blocks, until {@link flow} is called.
 */
export class StreamLink extends BlockingLink {
  #socket: Net.Socket | undefined;
  /** Somebody was told that nothing more is taken, and may wait. */
  #refused = false;

  override get congested(): boolean {
    const congested = this.#socket !== undefined && this.#socket.writableLength > 0;
    this.#refused ||= congested;
    return congested;
  }

  /** From now on frames arrive whenever the event loop runs, and sending does not block. */
  flow(): void {
    // Not before: loading it and making the socket takes 3 ms, and memory that a runner which waits for its program does not need.
    const { Socket } = process.getBuiltinModule('node:net');
    const reader = new FrameReader((length) => Buffer.allocUnsafeSlow(length), longestLinkPayload);
    const receive = (chunk: Uint8Array): void => {
      for (const frame of reader.push(chunk)) this.handle(frame);
    };
    receive(this.takeRest());
    this.#socket = new Socket({ fd: this.fd, readable: true, writable: true });
    const closed = (): void => {
      this.listener.closed();
    };
    this.#socket.on('data', receive).on('end', closed).on('error', closed).on('close', closed);
  }

  protected override transmit(frame: Uint8Array): void {
    if (this.#socket === undefined) super.transmit(frame);
    else
      this.#socket.write(frame, () => {
        if (!this.#refused) return;
        this.#refused = false;
        this.listener.writable();
      });
  }
}
