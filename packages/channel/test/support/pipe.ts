// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let directory: string | undefined;
let count = 0;

/** A path for a Unix socket, gone when this process ends. */
export function socketPath(): string {
  if (directory === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'enarx-channel-'));
    directory = made;
    process.once('exit', () => {
      rmSync(made, { recursive: true, force: true });
    });
  }
  return join(directory, String((count += 1)));
}

/** The two ends of a real connection. */
export async function connectedPair(): Promise<[Socket, Socket]> {
  const path = socketPath();
  const server = createServer({ allowHalfOpen: true }).listen(path);
  await once(server, 'listening');
  const one = connect({ path, allowHalfOpen: true });
  const [other] = (await once(server, 'connection')) as [Socket];
  server.close();
  return [one, other];
}

/** The same with somebody in between who writes down what the first end sends, one character for each byte. */
export async function recordedPair(): Promise<[one: Socket, other: Socket, record: () => string]> {
  const [one, middleOne] = await connectedPair();
  const [middleOther, other] = await connectedPair();
  const chunks: Buffer[] = [];
  middleOne.on('data', (chunk: Buffer) => chunks.push(chunk)).pipe(middleOther);
  middleOther.pipe(middleOne);
  for (const socket of [middleOne, middleOther]) {
    socket.on('error', () => undefined);
    socket.on('close', () => {
      middleOne.destroy();
      middleOther.destroy();
    });
  }
  return [one, other, () => Buffer.concat(chunks).toString('latin1')];
}
