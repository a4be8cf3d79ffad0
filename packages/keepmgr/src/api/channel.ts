// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import { keepmgrProblem } from '../problems.ts';
import { refuseBody } from './body.ts';
import { refuseBrowsers } from './refusals.ts';
import { parsePath, type ApiSubject } from './routes.ts';

const upgradeToken = 'enarx-channel/1';

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
  if (path !== '/v1/keeps/ID/channel') throw keepmgrProblem('api/path-unknown');
  if (request.method !== 'GET') throw keepmgrProblem('api/method-unknown', { expected: 'GET' });
  if (request.headers.upgrade !== upgradeToken) throw keepmgrProblem('api/upgrade-required');
  refuseBody(request);
  const keep = keeps.get(id);
  const loader = await keep.openChannel();
  if (socket.destroyed) {
    loader.destroy();
    return;
  }
  // A peer that vanished without a word is found out by the kernel; silence alone is no reason to cut a program off.
  socket.setKeepAlive(true, 60_000);
  socket.setNoDelay(true);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${upgradeToken}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  keep.carry(socket, loader);
}
