// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import type { Keep } from '../keeps/keep.ts';
import { keepmgrProblem } from '../problems.ts';
import { refuseBody } from './body.ts';
import { refuseBrowsers } from './refusals.ts';
import { parsePath, type ApiSubject } from './routes.ts';

/** What can be upgraded to, and how each is opened. */
const upgrades: Readonly<Record<string, { token: string; open: (keep: Keep) => Promise<Socket> }>> = {
  '/v1/keeps/ID/channel': { token: 'enarx-channel/1', open: (keep) => keep.openChannel() },
  '/v1/keeps/ID/launch': { token: 'enarx-launch/1', open: (keep) => keep.openLaunch() },
};

/**
 * Serves a request for an upgrade: from the 101 on, the connection carries what only client and guest can read.
 * @throws EnarxError `api/…`, `keep/…`, before anything was sent
 */
export async function openChannel(
  { keeps }: ApiSubject,
  request: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
): Promise<void> {
  refuseBrowsers(request);
  const { path, id } = parsePath(request.url ?? '');
  const upgrade = upgrades[path];
  if (upgrade === undefined) throw keepmgrProblem('api/path-unknown');
  if (request.method !== 'GET') throw keepmgrProblem('api/method-unknown', { expected: 'GET' });
  if (request.headers.upgrade !== upgrade.token) throw keepmgrProblem('api/upgrade-required');
  refuseBody(request);
  const keep = keeps.get(id);
  const loader = await upgrade.open(keep);
  if (socket.destroyed) {
    loader.destroy();
    return;
  }
  // A peer that vanished without a word is found out by the kernel; silence alone is no reason to cut a program off.
  socket.setKeepAlive(true, 60_000);
  socket.setNoDelay(true);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${upgrade.token}\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
  keep.carry(socket, loader);
}
