// SPDX-License-Identifier: Apache-2.0
//
// A host that ends the client's TLS itself and talks to the Keep on a connection of its own.
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { connect, TLSSocket } from 'node:tls';

import { createIdentity, type ClientIdentity } from '@enarx/channel';
import { decodeMessage, encodeMessage, evidence as evidenceMessage, type Evidence } from '@enarx/protocol';

import type { Channel } from './hostile-host.ts';

export interface Interception {
  /** Everything that the client said inside of TLS. */
  plaintext(): string;
  /** Evidence that went by. */
  readonly evidence: Evidence[];
}

export interface InterceptOptions {
  /** What the client is given instead of the evidence that the Keep gave the man in the middle. */
  readonly alter?: (evidence: Evidence) => Evidence | Promise<Evidence>;
  /** Another Keep to ask than the one that the client asked for. */
  readonly askKeep?: string;
}

/** Makes a handler for `hostileHost` that reads along, with the client's own nonce in its question to the Keep. */
export function manInTheMiddle(options: InterceptOptions = {}): {
  readonly interception: Interception;
  readonly onChannel: (channel: Channel) => Promise<void>;
} {
  const heard: string[] = [];
  const evidence: Evidence[] = [];
  const onChannel = async ({ client, open }: Channel): Promise<void> => {
    const identity = await createIdentity();
    const keep = tlsTo(await open(options.askKeep), identity);
    const ours = new TLSSocket(client, {
      isServer: true,
      key: identity.key,
      cert: identity.certificate,
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    });
    ours.on('error', () => undefined).on('close', () => keep.destroy());
    ours.on('data', (chunk: Buffer) => heard.push(chunk.toString('latin1')));
    const server = createServer((incoming, response) => {
      void (async () => {
        const answer = await ask(keep, incoming.url ?? '', await bodyOf(incoming));
        const given = decodeMessage(evidenceMessage, answer);
        evidence.push(given);
        const passed = encodeMessage(evidenceMessage, (await options.alter?.(given)) ?? given);
        response.writeHead(200, { 'content-type': 'application/cbor', 'content-length': passed.length });
        response.end(passed);
      })().catch(() => response.destroy());
    });
    server.on('upgrade', (_incoming, socket: Duplex) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: enarx-workload/1\r\n\r\n',
      );
    });
    server.emit('connection', ours);
  };
  return { interception: { plaintext: () => heard.join(''), evidence }, onChannel };
}

function tlsTo(connection: Duplex, identity: ClientIdentity): TLSSocket {
  const socket = connect({
    socket: connection,
    key: identity.key,
    cert: identity.certificate,
    minVersion: 'TLSv1.3',
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  });
  socket.on('error', () => undefined);
  return socket;
}

function ask(socket: TLSSocket, path: string, body: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      method: 'POST',
      path,
      headers: { host: 'keep', 'content-type': 'application/cbor', 'content-length': body.length },
      createConnection: () => socket,
    });
    outgoing.on('response', (response) => {
      bodyOf(response).then(resolve, reject);
    });
    outgoing.on('error', reject).end(body);
  });
}

async function bodyOf(message: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of message) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
