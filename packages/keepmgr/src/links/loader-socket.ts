// SPDX-License-Identifier: Apache-2.0
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';

import { Pace } from '@enarx/keepldr/pace';
import type { LdrHello } from '@enarx/protocol';

import type { DaemonLog } from '../daemon-log.ts';
import type { Limits } from '../limits.ts';
import { keepmgrProblem } from '../problems.ts';
import { readHello } from './hello.ts';

/** Decides what becomes of a connection that said hello. Takes the socket and answers true, or leaves it and answers false. */
export type Welcome = (hello: LdrHello, socket: Socket) => boolean;

/**
 * The socket to which loaders connect. Whoever does not say who it is in time, or says so wrongly, is cut off.
 * @throws EnarxError `keepmgr/state-unusable`
 */
export async function listenForLoaders(
  path: string,
  limits: Limits,
  log: DaemonLog,
  welcome: Welcome,
): Promise<{ close(): void }> {
  const connections = new Set<Socket>();
  let strangers = 0;
  // One loader that lies fills no log.
  const lines = new Pace(64, 10);
  const receive = async (socket: Socket): Promise<void> => {
    connections.add(socket);
    // Without a listener a broken connection would end the daemon; 'close' follows and says all.
    socket.on('error', () => undefined).on('close', () => connections.delete(socket));
    if (strangers >= limits.strangers) {
      socket.destroy();
      return;
    }
    strangers += 1;
    try {
      const hello = await readHello(socket, limits.helloTime);
      if (!welcome(hello, socket)) throw new Error('not the loader of a Keep');
    } catch (error) {
      if (lines.take()) log('loader-refused', { detail: (error as Error).message });
      socket.destroy();
    } finally {
      strangers -= 1;
    }
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    void receive(socket);
  });
  try {
    // Left by a daemon that was killed; the lock says that it is nobody's now.
    await rm(path, { force: true });
    await listen(server, path);
    await chmod(path, 0o600);
  } catch (cause) {
    throw keepmgrProblem('keepmgr/state-unusable', { found: (cause as Error).message, cause });
  }
  return {
    close: () => {
      server.close();
      for (const socket of connections) socket.destroy();
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, backlog: 511 }, () => {
      server.off('error', reject);
      server.on('error', () => undefined);
      resolve();
    });
  });
}
