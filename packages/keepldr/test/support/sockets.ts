// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/** A directory of the test's own, gone with it. */
export function ownDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'enarx-keepldr-'));
  return {
    path,
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export interface Listener extends Disposable {
  readonly server: Server;
  readonly path: string;
  /** The next connection that somebody makes. */
  accept(): Promise<Socket>;
  /** How many connections were made. */
  readonly count: () => number;
}

/** A Unix socket that listens. */
export async function listenOn(path: string): Promise<Listener> {
  const waiting: ((socket: Socket) => void)[] = [];
  const arrived: Socket[] = [];
  const all: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    all.push(socket);
    const waiter = waiting.shift();
    if (waiter === undefined) arrived.push(socket);
    else waiter(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    server,
    path,
    accept: () => {
      const socket = arrived.shift();
      return socket === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(socket);
    },
    count: () => all.length,
    [Symbol.dispose]: () => {
      server.close();
      for (const socket of all) socket.destroy();
    },
  };
}

/** Two ends of one connection of the kernel's. */
export async function connectedPair(directory: string): Promise<[Socket, Socket]> {
  const listener = await listenOn(join(directory, `pair-${String(Math.random()).slice(2)}.sock`));
  const one = connect({ path: listener.path, allowHalfOpen: true });
  one.on('error', () => undefined);
  const other = await listener.accept();
  listener.server.close();
  return [one, other];
}

/** Everything that still comes. The stream is left as it is: an iteration over it would destroy it. */
export function collect(socket: Readable): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    socket
      .on('data', (chunk: Uint8Array) => chunks.push(chunk))
      .on('error', reject)
      .on('end', () => {
        resolve(Buffer.concat(chunks));
      })
      // It may have been left paused.
      .resume();
  });
}

/** Waits until the condition holds. @throws Error after the time given, with what was expected */
export async function eventually(
  expected: string,
  condition: () => boolean | Promise<boolean>,
  milliseconds = 10_000,
): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not in time: ${expected}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
