// SPDX-License-Identifier: Apache-2.0
import { maxFramePayload, type Frame } from '@enarx/protocol';

import {
  mostDials,
  readSocketHead,
  runnerFrame,
  socketHead,
  socketWindow,
  writeSocketHead,
  type DialRefusal,
} from '../runner-frames.ts';
import type {
  acceptMessage,
  dialledMessage,
  dialMessage,
  dialRefusedMessage,
  socketCreditMessage,
  socketMessage,
} from '../runner-messages.ts';
import { Connection, type ConnectionSink } from '../wasi/connection.ts';
import { Listener } from '../wasi/listener.ts';
import type { SupervisorLink } from './link.ts';
import { readMessage, writeMessage } from './messages.ts';

/** The program's sockets in its own process: what arrives for them, and what they send. The supervisor holds the other ends. */
export class ProgramSockets {
  readonly #link: SupervisorLink;
  readonly #listeners = new Map<number, Listener>();
  readonly #connections = new Map<number, { readonly connection: Connection; readonly way: Way }>();
  readonly #dials = new Map<number, (outcome: Connection | DialRefusal) => void>();
  #nextDial = 0;

  constructor(link: SupervisorLink) {
    this.#link = link;
  }

  /** @param number - of the descriptor */
  listener(number: number): Listener {
    const listener = new Listener({
      accepted: () => {
        this.#tell(runnerFrame.accept, number);
      },
      closed: () => {
        this.#tell(runnerFrame.socketClose, number);
      },
    });
    this.#listeners.set(number, listener);
    return listener;
  }

  connection(number: number): Connection {
    const way = new Way(this.#link, number, () => this.#connections.delete(number));
    const connection = new Connection(way);
    this.#connections.set(number, { connection, way });
    return connection;
  }

  /** Asks for another connection to where a descriptor leads. It comes after the call has returned. */
  dial(file: number, done: (outcome: Connection | DialRefusal) => void): void {
    if (this.#dials.size >= mostDials) {
      setImmediate(done, 'too-many');
      return;
    }
    const request = this.#nextDial;
    this.#nextDial = (request + 1) % 2 ** 32;
    this.#dials.set(request, done);
    this.#link.sendBytes(runnerFrame.dial, writeMessage<typeof dialMessage>({ request, file }));
  }

  /** What the supervisor says. What is on its way to a connection that the program has closed meanwhile is dropped. */
  receive({ kind, payload }: Frame): void {
    switch (kind) {
      case runnerFrame.accept: {
        const { listener, socket } = readMessage<typeof acceptMessage>(payload);
        this.#listeners.get(listener)?.push(this.connection(socket));
        return;
      }
      case runnerFrame.socketData: {
        const { number, credit } = readSocketHead(payload);
        const found = this.#connections.get(number);
        if (found === undefined) return;
        found.way.credit += credit;
        found.connection.push(payload.subarray(socketHead));
        return;
      }
      case runnerFrame.socketCredit: {
        const { socket, bytes } = readMessage<typeof socketCreditMessage>(payload);
        const found = this.#connections.get(socket);
        if (found === undefined) return;
        found.way.credit += bytes;
        found.connection.changed?.();
        return;
      }
      case runnerFrame.dial: {
        const { request, socket } = readMessage<typeof dialledMessage>(payload);
        this.#answer(request, this.connection(socket));
        return;
      }
      case runnerFrame.dialRefused: {
        const { request, reason } = readMessage<typeof dialRefusedMessage>(payload);
        this.#answer(request, reason);
        return;
      }
      case runnerFrame.socketEnd:
        this.#connections.get(readMessage<typeof socketMessage>(payload))?.connection.end();
        return;
      case runnerFrame.socketClose:
        this.#connections.get(readMessage<typeof socketMessage>(payload))?.connection.breakOff();
        return;
    }
  }

  #answer(request: number, outcome: Connection | DialRefusal): void {
    const done = this.#dials.get(request);
    this.#dials.delete(request);
    done?.(outcome);
  }

  #tell(kind: number, number: number): void {
    this.#link.sendBytes(kind, writeMessage<typeof socketMessage>(number));
  }
}

class Way implements ConnectionSink {
  readonly largest = maxFramePayload;
  credit = socketWindow;
  /** Bytes that the other side may send again and has not been told of. */
  #owed = 0;
  readonly #link: SupervisorLink;
  readonly #number: number;
  readonly #closed: () => void;

  constructor(link: SupervisorLink, number: number, closed: () => void) {
    this.#link = link;
    this.#number = number;
    this.#closed = closed;
  }

  get congested(): boolean {
    return this.#link.congested;
  }

  send(length: number, fill: (target: Uint8Array) => void): void {
    this.credit -= length;
    const owed = this.#owed;
    this.#owed = 0;
    this.#link.send(runnerFrame.socketData, socketHead + length, (target) => {
      writeSocketHead(target, 0, this.#number, owed);
      fill(target.subarray(socketHead));
    });
  }

  /** Rides along with what the program sends next. By itself only once half the window is owed: until then the other side has the other half. */
  grant(bytes: number): void {
    this.#owed += bytes;
    if (this.#owed < socketWindow / 2) return;
    const owed = this.#owed;
    this.#owed = 0;
    this.#link.sendBytes(
      runnerFrame.socketCredit,
      writeMessage<typeof socketCreditMessage>({ socket: this.#number, bytes: owed }),
    );
  }

  end(): void {
    this.#link.sendBytes(runnerFrame.socketEnd, writeMessage<typeof socketMessage>(this.#number));
  }

  close(): void {
    this.#closed();
    this.#link.sendBytes(runnerFrame.socketClose, writeMessage<typeof socketMessage>(this.#number));
  }
}
