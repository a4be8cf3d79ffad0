// SPDX-License-Identifier: Apache-2.0
//
// HTTP/1.1 lets a client send its next requests before it has the answer to the first (RFC 9112 section 9.3.2), and Node hands all of them over at once. They are answered in
// their order anyway, so one client's second request takes no place that another's first could have.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { ConnectionStream } from './connection-stream.ts';

/** Of one connection, besides the one that is being answered: more than come in one of the pieces that it is read in. */
const mostWaiting = 64;

export interface Asked {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
}

export class Pipelines {
  readonly #take: (asked: Asked) => void;
  /** What waits on each connection of which a request is being answered. */
  readonly #waiting = new WeakMap<ConnectionStream, Asked[]>();

  /** @param take - answers a request */
  constructor(take: (asked: Asked) => void) {
    this.#take = take;
  }

  add(asked: Asked): void {
    const stream = asked.message.socket as unknown as ConnectionStream;
    stream.begin();
    const waiting = this.#waiting.get(stream);
    if (waiting === undefined) {
      this.#waiting.set(stream, []);
      this.#answer(stream, asked);
      return;
    }
    stream.hold();
    waiting.push(asked);
    if (waiting.length > mostWaiting) stream.destroy();
  }

  #answer(stream: ConnectionStream, asked: Asked): void {
    asked.response.once('close', () => {
      const next = stream.destroyed ? undefined : this.#waiting.get(stream)?.shift();
      if (next !== undefined) {
        this.#answer(stream, next);
        return;
      }
      this.#waiting.delete(stream);
      stream.release();
    });
    this.#take(asked);
  }
}
