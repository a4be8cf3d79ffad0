// SPDX-License-Identifier: Apache-2.0
import { Duplex } from 'node:stream';

import {
  decodeMessage,
  encodeMessage,
  maxFramePayload,
  portCredit,
  portFrame,
  portStream,
  protocolProblem,
  type Frame,
} from '@enarx/protocol';

import { FrameStream } from './frame-stream.ts';

/** Bytes that may be under way on one connection before its reader has taken any. */
export const portWindow = 262_144;
/** Connections at once. More are refused, so that neither side can make the other hold more than this times the window. */
export const mostConnections = 64;

/** What a connection is for: the channel of the Keep, or a socket of its program. */
export type ConnectionUse = 'channel' | 'socket';

export interface PortEvents {
  /** The other side opened a connection. Without this it may open none. */
  connection?(stream: Duplex, use: ConnectionUse): void;
  /** The port is gone and every connection with it. Comes once, last; `error` where it was no orderly end. */
  closed?(error: Error | undefined): void;
}

/**
 * Many connections over one byte stream, for a guest whose only ways out are the ports of a virtual serial line. Each connection is a Duplex of its own with its own
 * window, half-open when one side ends. The other side is hostile: whatever breaks the protocol closes the port.
 */
export class Port {
  readonly #frames: FrameStream;
  readonly #events: PortEvents;
  readonly #connections = new Map<number, PortConnection>();
  #next: number;
  #selectedHere: number | undefined;
  #selectedThere: PortConnection | undefined;
  #closed = false;

  /** @param side - decides who chooses which numbers: the host even ones, the guest odd ones */
  constructor(duplex: Duplex, side: 'host' | 'guest', events: PortEvents = {}) {
    this.#frames = new FrameStream(duplex);
    this.#events = events;
    this.#next = side === 'host' ? 0 : 1;
    void this.#receive(side === 'host' ? 1 : 0);
  }

  /** A new connection to the other side. Errors are events of the stream; it can be written to at once. */
  open(use: ConnectionUse = 'channel'): Duplex {
    const id = this.#next;
    this.#next += 2;
    const connection = this.#add(id);
    if (this.#closed || this.#connections.size > mostConnections) connection.destroy(refused());
    else this.#send(use === 'channel' ? portFrame.open : portFrame.openSocket, encodeMessage(portStream, id));
    return connection;
  }

  /** Breaks every connection and closes the stream below. */
  destroy(): void {
    this.#close(undefined);
  }

  #add(id: number): PortConnection {
    const connection = new PortConnection({
      data: (bytes) => this.#data(id, bytes),
      granted: (bytes) => {
        this.#send(portFrame.credit, encodeMessage(portCredit, { stream: id, bytes }));
      },
      ended: () => {
        this.#send(portFrame.end, encodeMessage(portStream, id));
      },
      gone: (orderly) => {
        if (!this.#connections.delete(id)) return;
        if (!orderly) this.#send(portFrame.reset, encodeMessage(portStream, id));
      },
    });
    this.#connections.set(id, connection);
    return connection;
  }

  /** Two frames without anything between them: which connection, and its bytes. */
  #data(id: number, bytes: Uint8Array): Promise<void> {
    if (this.#selectedHere !== id) {
      this.#selectedHere = id;
      this.#send(portFrame.select, encodeMessage(portStream, id));
    }
    return this.#frames.send(portFrame.data, bytes);
  }

  #send(kind: number, payload: Uint8Array): void {
    if (this.#closed) return;
    this.#frames.send(kind, payload).catch((error: unknown) => {
      this.#close(error as Error);
    });
  }

  async #receive(parity: number): Promise<void> {
    try {
      for await (const frame of this.#frames) this.#handle(frame, parity);
      this.#close(undefined);
    } catch (error) {
      this.#close(error as Error);
    }
  }

  #handle({ kind, payload }: Frame, parity: number): void {
    if (kind === portFrame.data) {
      // A connection that was closed here while bytes were on their way to it is no fault of the sender's.
      this.#selectedThere?.receive(payload);
      return;
    }
    if (kind === portFrame.credit) {
      const { stream, bytes } = decodeMessage(portCredit, payload);
      this.#connections.get(stream)?.grant(bytes);
      return;
    }
    const id = decodeMessage(portStream, payload);
    if (kind === portFrame.open) this.#accept(id, parity, 'channel');
    else if (kind === portFrame.openSocket) this.#accept(id, parity, 'socket');
    else if (kind === portFrame.select) this.#selectedThere = this.#connections.get(id);
    else if (kind === portFrame.end) this.#connections.get(id)?.endOfOther();
    else if (kind === portFrame.reset) this.#reset(id);
    else throw protocolProblem('frame/unexpected', { found: `kind ${String(kind)}` });
  }

  #accept(id: number, parity: number, use: ConnectionUse): void {
    if (id % 2 !== parity || this.#connections.has(id) || this.#events.connection === undefined)
      throw protocolProblem('frame/unexpected', { found: `an opening of connection ${String(id)}` });
    if (this.#connections.size >= mostConnections) {
      this.#send(portFrame.reset, encodeMessage(portStream, id));
      return;
    }
    this.#events.connection(this.#add(id), use);
  }

  #reset(id: number): void {
    const connection = this.#connections.get(id);
    this.#connections.delete(id);
    connection?.destroy(new Error('the other side broke the connection off'));
  }

  #close(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#frames.destroy();
    const connections = [...this.#connections.values()];
    this.#connections.clear();
    for (const connection of connections) connection.destroy(error ?? new Error('the port was closed'));
    this.#events.closed?.(error);
  }
}

interface ConnectionEvents {
  data(bytes: Uint8Array): Promise<void>;
  granted(bytes: number): void;
  ended(): void;
  /** @param orderly - both directions had ended */
  gone(orderly: boolean): void;
}

class PortConnection extends Duplex {
  readonly #events: ConnectionEvents;
  #credit = portWindow;
  #room = portWindow;
  #taken = 0;
  #ended = false;
  #waiting: (() => void) | undefined;

  constructor(events: ConnectionEvents) {
    super({ allowHalfOpen: true, readableHighWaterMark: portWindow, emitClose: true });
    this.#events = events;
  }

  receive(bytes: Uint8Array): void {
    if (this.destroyed) return;
    this.#room -= bytes.length;
    if (this.#room < 0 || this.#ended)
      throw protocolProblem('frame/unexpected', {
        found: 'data beyond the window or the end of a connection',
      });
    this.#taken += bytes.length;
    if (this.push(bytes)) this.#grantTaken();
  }

  grant(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit > portWindow)
      throw protocolProblem('frame/unexpected', { found: 'credit for more than the window' });
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  endOfOther(): void {
    this.#ended = true;
    this.push(null);
  }

  override _read(): void {
    this.#grantTaken();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    void this.#writePieces(chunk).then(
      () => {
        callback();
      },
      (error: unknown) => {
        callback(error as Error);
      },
    );
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#events.ended();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.grantNothingMore();
    this.#events.gone(error === null && this.readableEnded && this.writableFinished);
    callback(error);
  }

  /** Whoever waits for credit would wait for ever. */
  grantNothingMore(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  async #writePieces(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      while (this.#credit === 0) {
        if (this.destroyed) throw new Error('the connection is closed');
        await new Promise<void>((resolve) => (this.#waiting = resolve));
      }
      const piece = chunk.subarray(at, at + Math.min(this.#credit, maxFramePayload));
      this.#credit -= piece.length;
      at += piece.length;
      await this.#events.data(piece);
    }
  }

  /** Credit goes back in portions, not for every frame. */
  #grantTaken(): void {
    if (this.#taken < portWindow / 4) return;
    const bytes = this.#taken;
    this.#taken = 0;
    this.#room += bytes;
    this.#events.granted(bytes);
  }
}

function refused(): Error {
  return new Error('no room for another connection');
}
