// SPDX-License-Identifier: Apache-2.0
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Closed connections count until the event loop has turned once more; so many new ones may come meanwhile. */
const mostAtOnce = 64;

/**
 * Bounds the connections to a server. Where there is no room for a new one, the one closes that has been without a request for
 * longest, so that nobody is shut out by connections that ask for nothing. None closes in the middle of a request or once it was
 * upgraded; where all are at work, the new one does.
 *
 * @param dropped - told of a new one that was closed
 */
export function boundConnections(server: Server, most: number, dropped: () => void): void {
  /** Without a request, the longest so first. */
  const idle = new Map<string, Socket>();
  const open = new Set<Socket>();
  server.maxConnections = most + mostAtOnce;
  server.on('drop', dropped);
  let unnamed = 0;
  // Under TLS a request comes on another object than the connection: both have the peer's address. On a Unix socket there is none,
  // and no TLS.
  const names = new WeakMap<Socket, string>();
  const nameOf = (socket: Socket): string => {
    const known = names.get(socket);
    if (known !== undefined) return known;
    const { remoteAddress, remotePort } = socket;
    const name =
      remotePort === undefined ? String((unnamed += 1)) : `${String(remoteAddress)} ${String(remotePort)}`;
    names.set(socket, name);
    return name;
  };
  const connections = new Map<string, Socket>();
  /** Requests in progress; without end for what was upgraded. */
  const requests = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket);
    if (open.size >= most) {
      const [oldest] = idle;
      if (oldest === undefined) {
        socket.destroy();
        dropped();
        return;
      }
      idle.delete(oldest[0]);
      open.delete(oldest[1]);
      oldest[1].destroy();
    }
    open.add(socket);
    idle.set(name, socket);
    connections.set(name, socket);
    requests.set(name, 0);
    socket.once('close', () => {
      open.delete(socket);
      if (connections.get(name) !== socket) return;
      connections.delete(name);
      requests.delete(name);
      idle.delete(name);
    });
  });
  server.on('request', ({ socket }, response) => {
    const name = nameOf(socket);
    const connection = connections.get(name);
    const count = (change: number): void => {
      if (connection === undefined || connections.get(name) !== connection) return;
      const left = (requests.get(name) ?? 0) + change;
      requests.set(name, left);
      if (left > 0) idle.delete(name);
      else if (open.has(connection)) idle.set(name, connection);
    };
    count(1);
    response.once('close', () => {
      count(-1);
    });
  });
  server.on('upgrade', ({ socket }) => {
    const name = nameOf(socket);
    if (connections.has(name)) requests.set(name, Infinity);
    idle.delete(name);
  });
}
