// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import { toHex } from '@enarx/protocol';

import { keepmgrProblem } from '../problems.ts';
import { refuseBody } from './body.ts';
import type { Caller } from './caller.ts';
import { refuseBrowsers } from './refusals.ts';
import { keepFor, parsePath, type ApiSubject } from './routes.ts';

/** Paths of upgrades, and the token that each takes. */
const upgrades: Readonly<Record<string, { readonly token: string; readonly to: 'guest' | 'loader' }>> = {
  '/v1/keeps/ID/channel': { token: 'enarx-channel/1', to: 'guest' },
  '/v1/keeps/ID/launch': { token: 'enarx-launch/1', to: 'loader' },
};

/**
 * Serves a request for an upgrade: from the 101 on, the connection carries what only client and Keep can read.
 * @throws EnarxError `api/…`, `keep/…`, before anything was sent
 */
export async function openChannel(
  subject: ApiSubject,
  request: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
  { caller, number }: { readonly caller: Caller; readonly number: Uint8Array },
): Promise<void> {
  refuseBrowsers(request);
  const { path, id, query } = parsePath(request.url ?? '');
  const upgrade = upgrades[path];
  if (upgrade === undefined) throw keepmgrProblem('api/path-unknown');
  if (request.method !== 'GET') throw keepmgrProblem('api/method-unknown', { expected: 'GET' });
  if (request.headers.upgrade !== upgrade.token)
    throw keepmgrProblem('api/upgrade-required', { expected: upgrade.token });
  refuseBody(request);
  const removes = removesKeep(query, upgrade.to);
  const keep = keepFor(subject, id, caller);
  let loader: Socket;
  try {
    loader = await keep.openChannel(upgrade.to, number);
  } catch (error) {
    // Who is still there may ask again, as for a machine that takes its time; who is not will never remove it.
    if (removes && (await hasLeft(socket))) subject.keeps.removeLater(keep);
    throw error;
  }
  if (socket.destroyed) {
    loader.destroy();
    if (removes) subject.keeps.removeLater(keep);
    return;
  }
  // A peer that vanished without a word is found out by the kernel; silence alone is no reason to cut a program off.
  socket.setKeepAlive(true, 60_000);
  socket.setNoDelay(true);
  // Under TLS node:https makes it otherwise, and the last words of a Keep to a client that has ended would be lost.
  socket.allowHalfOpen = true;
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${upgrade.token}\r\nrequest-id: ${toHex(number)}\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
  void keep.carry(socket, loader).then(() => {
    if (removes) subject.keeps.removeLater(keep);
  });
}

/**
 * Whether the Keep is to be removed when this connection has closed, however that came: a client that made it for one conversation
 * need not come back for that, and one that is killed leaves nothing behind.
 *
 * @throws EnarxError `api/path-unknown`
 */
function removesKeep(query: string | undefined, to: 'guest' | 'loader'): boolean {
  if (query !== undefined && (to === 'loader' || query !== 'then=remove'))
    throw keepmgrProblem('api/path-unknown');
  return query !== undefined;
}

/** How long it takes to see the end of what a client had sent before it ended. */
const lookTime = 50;

/** Whether the client has closed its connection, on which nothing that it has sent is wanted any more. */
async function hasLeft(socket: Socket): Promise<boolean> {
  let left = socket.destroyed || socket.readableEnded;
  socket
    .on('end', () => (left = true))
    .on('close', () => (left = true))
    .resume();
  await new Promise((resolve) => setTimeout(resolve, lookTime));
  return left;
}
