// SPDX-License-Identifier: Apache-2.0
import { Socket } from 'node:net';

import { SupervisorLink, type LinkListener } from './link.ts';

/** The link for a program that can be suspended: frames arrive whenever the event loop runs. */
export class StreamLink extends SupervisorLink {
  readonly #socket: Socket;

  constructor(fd: number, listener: LinkListener) {
    super(listener);
    this.#socket = new Socket({ fd, readable: true, writable: true });
    this.#socket.on('data', (chunk: Uint8Array) => {
      for (const frame of this.cut(chunk)) this.handle(frame);
    });
    const closed = (): void => {
      listener.closed();
    };
    this.#socket.on('end', closed).on('error', closed).on('close', closed);
  }

  get congested(): boolean {
    return this.#socket.writableLength > 0;
  }

  protected transmit(frame: Uint8Array): void {
    this.#socket.write(frame, () => {
      this.listener.writable();
    });
  }
}
