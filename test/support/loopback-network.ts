// SPDX-License-Identifier: Apache-2.0
//
// A network for a program in a runner alone: loopback sockets of this process in the place of those that a Keep gets from its host.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { DialRefusal, Network } from '@enarx/runtime';

export class LoopbackNetwork implements Network, AsyncDisposable {
  readonly #listeners = new Map<number, Server>();
  readonly #connections = new Map<number, Socket>();
  readonly #sockets = new Set<Socket>();
  readonly #ports = new Map<number, number>();
  /** Connections that the program has asked for. */
  dialled = 0;
  /** Listeners that the program has closed. */
  readonly closed: number[] = [];

  /** A listener for this descriptor. @returns its port */
  async listen(number: number): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#listeners.set(number, server);
    return (server.address() as AddressInfo).port;
  }

  /** A connection for this descriptor, to a port; the program may make more of it. */
  async connect(number: number, port: number): Promise<void> {
    this.#ports.set(number, port);
    this.#connections.set(number, await this.#dial(port));
  }

  async dial(number: number): Promise<Duplex | DialRefusal> {
    this.dialled += 1;
    try {
      return await this.#dial(this.#ports.get(number) ?? 0);
    } catch {
      return 'refused';
    }
  }

  listening(number: number): { readonly address: string; readonly port: number } | undefined {
    const bound = this.#listeners.get(number)?.address() as AddressInfo | undefined;
    return bound === undefined ? undefined : { address: bound.address, port: bound.port };
  }

  accept(listener: number, connected: (stream: Duplex) => void): void {
    this.#listeners.get(listener)?.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      connected(socket);
    });
  }

  connection(number: number): Duplex {
    return this.#connections.get(number) as Duplex;
  }

  close(listener: number): void {
    this.closed.push(listener);
    this.#listeners.get(listener)?.close();
  }

  async #dial(port: number): Promise<Socket> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    await once(socket, 'connect');
    // It may break before the program is there, as whatever a Keep's own network hands over.
    socket.on('error', () => undefined);
    this.#sockets.add(socket);
    return socket;
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#listeners.values()) server.close();
    for (const socket of [...this.#sockets, ...this.#connections.values()]) socket.destroy();
    return Promise.resolve();
  }
}

/** A client on loopback. */
export async function client(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** Reads to the end, and leaves the other direction as it is. */
export function readAll(stream: Duplex): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('error', reject);
    stream.once('end', () => {
      resolve(Buffer.concat(chunks));
    });
    stream.once('close', () => {
      reject(new Error('closed without an end'));
    });
  });
}

/** Reads so many bytes and no more. */
export async function readExactly(stream: Duplex, bytes: number): Promise<Buffer> {
  for (;;) {
    const chunk = stream.read(bytes) as Buffer | null;
    if (chunk !== null) return chunk;
    if (stream.destroyed || stream.readableEnded) throw new Error('ended too early');
    const waiting = new AbortController();
    const { signal } = waiting;
    await Promise.race(['readable', 'close', 'end'].map((event) => once(stream, event, { signal })));
    waiting.abort();
  }
}
