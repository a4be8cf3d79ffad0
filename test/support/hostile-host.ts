// SPDX-License-Identifier: Apache-2.0
//
// A host that lies. It stands between a client and a real keepmgr, passes the API on, and does with the channel what a test wants.
import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface Channel {
  /** The connection to the client, upgraded already. Every byte that comes from it is recorded. */
  readonly client: Duplex;
  /** Id of the Keep that the client asked for. */
  readonly keep: string;
  /** The channel of a Keep, the asked one without an id, on the real host. */
  readonly open: (keep?: string) => Promise<Duplex>;
}

export interface HostileHost extends AsyncDisposable {
  readonly url: string;
  /** Every byte that a client has sent on any connection, in order of arrival. */
  received(): Buffer;
  /** Every byte that clients were sent on channels. */
  sent(): Buffer;
}

/** What the host answers to requests of the API, where it does not pass them on. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * @param url - the real host
 * @param onChannel - what becomes of a channel; passes it on faithfully without it
 * @param answer - answers a request itself and returns true, or leaves it
 */
export async function hostileHost(
  url: string,
  onChannel: (channel: Channel) => void | Promise<void> = passOn,
  answer: Answer = () => false,
): Promise<HostileHost> {
  const received: Buffer[] = [];
  const sent: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming, response) => {
    if (answer(incoming, response)) return;
    const { method, headers } = incoming;
    const outgoing = httpRequest(
      { ...whereIs(url), method, path: incoming.url, headers: { ...headers, host: new URL(url).host } },
      (upstream) => {
        response.writeHead(upstream.statusCode ?? 502, upstream.headers);
        upstream.pipe(response);
      },
    );
    outgoing.on('error', () => response.destroy());
    incoming.pipe(outgoing);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('data', (chunk: Buffer) => received.push(chunk)).on('error', () => undefined);
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Its recorder would let it flow before anybody else reads.
    socket.pause();
    if (head.length > 0) socket.unshift(head);
    socket.on('error', () => undefined);
    const keep =
      /^\/v1\/keeps\/([0-9a-f]{32})\/channel(?:\?then=remove)?$/.exec(incoming.url ?? '')?.[1] ?? '';
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: enarx-channel/1\r\n\r\n',
    );
    void (async () => {
      try {
        const open = async (id = keep): Promise<Duplex> => {
          const upstream = await openChannel(url, id);
          // Its recorder would let it flow before anybody else reads.
          upstream.pause();
          upstream.on('data', (chunk: Buffer) => sent.push(Buffer.from(chunk)));
          return upstream;
        };
        await onChannel({ client: socket, keep, open });
      } catch {
        socket.destroy();
      }
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    received: () => Buffer.concat(received),
    sent: () => Buffer.concat(sent),
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close').catch(() => undefined);
    },
  };
}

/** What an honest host does. */
export async function passOn({ client, open }: Channel): Promise<void> {
  join(client, await open());
}

/** Carries bytes both ways until either ends. */
export function join(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => to.destroy()).on('close', () => to.destroy());
    from.pipe(to);
  }
}

function whereIs(url: string): RequestOptions {
  if (url.startsWith('unix:')) return { socketPath: url.slice('unix:'.length) };
  const { hostname, port } = new URL(url);
  return { host: hostname, port };
}

/** The channel of a Keep on a real host, once it is ready. */
export function openChannel(url: string, keep: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      ...whereIs(url),
      path: `/v1/keeps/${keep}/channel`,
      headers: { connection: 'Upgrade', upgrade: 'enarx-channel/1' },
    });
    outgoing.on('upgrade', (_response, socket: Socket, head: Buffer) => {
      if (head.length > 0) socket.unshift(head);
      socket.on('error', () => undefined);
      resolve(socket);
    });
    outgoing.on('response', (response) => {
      reject(new Error(`status ${String(response.statusCode)}`));
    });
    outgoing.on('error', reject).end();
  });
}
