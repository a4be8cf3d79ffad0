// SPDX-License-Identifier: Apache-2.0
import type { Connection } from './connection.ts';
import { Descriptor, filetype, type Direction, type Readiness } from './descriptor.ts';
import { fail } from './errno.ts';
import { right, streamRights } from './rights.ts';
import { Arrivals } from './waiting.ts';

export interface ListenerEvents {
  /** The program has taken a connection, so another may wait. */
  accepted(): void;
  /** The program has closed it. */
  closed(): void;
}

/** A socket that connections come to. It is bound and listens before the program starts: preview 1 can do neither. */
export class Listener extends Descriptor {
  readonly filetype = filetype.socketStream;
  readonly #events: ListenerEvents;
  readonly #waiting: Connection[] = [];
  readonly #arrivals = new Arrivals();
  #closed = false;
  /** Called when a connection has come, for whoever does not wait by polling. */
  changed: (() => void) | undefined;

  constructor(events: ListenerEvents) {
    // poll_oneoff asks for the right of what a program waits for: reading where it waits for connections. tokio waits for writing as well, which never comes.
    super(streamRights | right.fdRead | right.fdWrite | right.sockAccept);
    this.#events = events;
  }

  /** A connection has come. */
  push(connection: Connection): void {
    if (this.#closed) connection.close();
    else this.#waiting.push(connection);
    this.changed?.();
  }

  /** The connection that has waited longest, if there is one. */
  take(): Connection | undefined {
    const connection = this.#waiting.shift();
    if (connection !== undefined) this.#events.accepted();
    return connection;
  }

  read(): number {
    return fail('notconn');
  }

  write(): number {
    return fail('notconn');
  }

  override accept(flags: number): Connection | Generator<number | undefined, Connection, void> {
    const connection = this.#waiting.shift();
    if (connection !== undefined) return this.#take(connection, flags);
    if (this.nonblocking && !this.#arrivals.due()) fail('again');
    return this.#acceptLater(flags);
  }

  override close(): void {
    this.#closed = true;
    for (const connection of this.#waiting.splice(0)) connection.close();
    this.#events.closed();
  }

  readiness(direction: Direction): Readiness | undefined {
    if (direction === 'write') return undefined;
    return this.#waiting.length === 0 ? undefined : { bytes: this.#waiting.length, hangup: false };
  }

  *#acceptLater(flags: number): Generator<number | undefined, Connection, void> {
    if (this.nonblocking) {
      yield 0;
      this.#arrivals.letIn();
      return this.#take(this.#waiting.shift() ?? fail('again'), flags);
    }
    for (;;) {
      yield undefined;
      this.#arrivals.letIn();
      const connection = this.#waiting.shift();
      if (connection !== undefined) return this.#take(connection, flags);
    }
  }

  #take(connection: Connection, flags: number): Connection {
    connection.flags = flags;
    this.#events.accepted();
    return connection;
  }
}
