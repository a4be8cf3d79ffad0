// SPDX-License-Identifier: Apache-2.0
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { Duplex } from 'node:stream';

import {
  attestRequest,
  cborContentType,
  decodeMessage,
  encodeMessage,
  EnarxError,
  evidence as evidenceMessage,
  type Evidence,
} from '@enarx/protocol';

import type { OwnCertificate } from '../certificate.ts';
import { FrameStream } from '../frame-stream.ts';
import { channelProblem } from '../problems.ts';
import { alpnProtocol, contextOptions, workloadToken } from '../tls.ts';
import { Connection } from './connection.ts';
import { refuse, refuseRaw, reply } from './reply.ts';
import { readCborBody, requireNoBody } from './request-body.ts';

/** Takes over an upgraded connection. It owns the stream from here on. */
export type Conversation = (frames: FrameStream) => void;

/**
 * What a Keep does for a client that holds the given key (SHA-256 of its SubjectPublicKeyInfo), once it has given evidence to it
 * on the same connection for the fitting purpose. Each may throw an EnarxError to refuse; the client is then told why.
 */
export interface KeepServices {
  /** `POST /v1/workload` */
  deliver(clientKey: Uint8Array): Conversation;
  /** `POST /v1/attach` */
  attach(clientKey: Uint8Array): Conversation;
  /** `POST /v1/stop`; resolves when it is done. */
  stop(clientKey: Uint8Array): Promise<void>;
}

/** Milliseconds. */
export interface ChannelTimes {
  /** From a connection to the end of its TLS handshake. */
  readonly handshake: number;
  /** From the handshake to the upgrade, or to the end of a connection that asks for none. */
  readonly requests: number;
}

export const defaultChannelTimes: ChannelTimes = { handshake: 10_000, requests: 60_000 };

export interface ServeOptions {
  readonly keepId: Uint8Array;
  readonly certificate: OwnCertificate;
  /** Evidence over 64 bytes of report data. */
  readonly report: (reportData: Uint8Array) => Promise<Evidence>;
  readonly services: KeepServices;
  readonly times?: Partial<ChannelTimes> | undefined;
}

export interface ServedChannel {
  /** A connection from outside, of whatever kind; the channel owns it from here on. */
  accept(connection: Duplex): void;
  /** Resolves when every request that came so far has its answer, or lost its connection. */
  answered(): Promise<void>;
  /** Cuts off all connections, and every later one. */
  close(): void;
}

/** Most connections at once; more are closed unheard. */
const mostConnections = 32;
/** Bytes of request line and headers together. */
const largestHead = 8192;

/**
 * Serves the Keep's end of the attested channel: TLS 1.3 with a client certificate, HTTP/1.1 in it, evidence first, then
 * one conversation. Whoever connects is a stranger until it is the owner; it gets typed problems, and no time or memory
 * without bound.
 */
export function serveChannel(options: ServeOptions): ServedChannel {
  const times = { ...defaultChannelTimes, ...options.times };
  const connections = new Map<Duplex, Connection>();
  const http = createHttpServer({ maxHeaderSize: largestHead, keepAliveTimeout: 0 });
  const tls = createTlsServer({
    ...contextOptions(options.certificate),
    ALPNProtocols: [alpnProtocol],
    requestCert: true,
    // Nobody vouches for a client; `Connection` refuses one that shows no key.
    rejectUnauthorized: false,
    handshakeTimeout: times.handshake,
  });
  tls.on('secureConnection', (socket: TLSSocket) => {
    const connection = new Connection(socket, times.requests);
    connections.set(socket, connection);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      connection.closed();
      connections.delete(socket);
    });
    http.emit('connection', socket);
  });
  const service = new ChannelService(options);
  http.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void service.request(connections.get(request.socket), request, response);
  });
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Uint8Array) => {
    service.upgrade(connections.get(socket), request, socket, head);
  });
  http.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === 'ECONNRESET') socket.destroy();
    else refuseRaw(socket, channelProblem('channel/http-malformed', { found: error.code ?? error.message }));
  });
  tls.on('tlsClientError', (_error, socket) => {
    socket.destroy();
  });
  const open = new Set<Duplex>();
  let closed = false;
  return {
    accept: (connection) => {
      if (closed || open.size >= mostConnections) {
        connection.destroy();
        return;
      }
      open.add(connection);
      // TLS takes this over: in the channel the end of one side is the end, also in the middle of a handshake.
      connection.allowHalfOpen = false;
      connection.on('error', () => undefined);
      connection.on('close', () => open.delete(connection));
      tls.emit('connection', connection);
    },
    answered: () => service.answered(),
    close: () => {
      closed = true;
      for (const connection of open) connection.destroy();
    },
  };
}

class ChannelService {
  readonly #options: ServeOptions;
  readonly #answering = new Set<Promise<unknown>>();

  constructor(options: ServeOptions) {
    this.#options = options;
  }

  async answered(): Promise<void> {
    await Promise.all(this.#answering);
  }

  async request(
    connection: Connection | undefined,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    // Closed meanwhile: whatever is asked on it goes nowhere.
    if (connection === undefined) return;
    const answered = new Promise((resolve) => response.once('close', resolve));
    this.#answering.add(answered);
    void answered.then(() => this.#answering.delete(answered));
    try {
      const clientKey = connection.begin();
      const path = pathOf(request);
      if (path === '/v1/attest') {
        const asked = decodeMessage(attestRequest, await readCborBody(request, attestRequest.maxBytes));
        const { keepId, certificate, report } = this.#options;
        const evidence = await connection.attest(asked, { keepKey: certificate.keyDigest, keepId }, report);
        reply(response, 200, cborContentType, encodeMessage(evidenceMessage, evidence));
      } else if (path === '/v1/stop') {
        requireNoBody(request);
        connection.require('attach');
        await this.#options.services.stop(clientKey);
        reply(response, 204);
      } else {
        throw channelProblem('channel/upgrade-required');
      }
      connection.answered();
    } catch (error) {
      refuse(response, asProblem(error));
    }
  }

  upgrade(
    connection: Connection | undefined,
    request: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
  ): void {
    if (connection === undefined) return;
    let conversation: Conversation;
    try {
      const clientKey = connection.begin();
      const path = pathOf(request);
      requireNoBody(request);
      if (request.headers.upgrade !== workloadToken || path === '/v1/attest' || path === '/v1/stop')
        throw channelProblem('channel/upgrade-required', { found: request.headers.upgrade ?? 'none' });
      connection.require(path === '/v1/workload' ? 'deliver' : 'attach');
      const { services } = this.#options;
      conversation = path === '/v1/workload' ? services.deliver(clientKey) : services.attach(clientKey);
    } catch (error) {
      refuseRaw(socket, asProblem(error));
      return;
    }
    connection.converse();
    const head101 = `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${workloadToken}\r\n\r\n`;
    socket.write(head101);
    if (head.length > 0) socket.unshift(head);
    conversation(new FrameStream(socket));
  }
}

const paths = ['/v1/attest', '/v1/workload', '/v1/attach', '/v1/stop'] as const;

function pathOf({ url, method }: IncomingMessage): (typeof paths)[number] {
  const path = paths.find((known) => known === url);
  if (path === undefined) throw channelProblem('channel/path-unknown');
  if (method !== 'POST') throw channelProblem('channel/method-unknown', { found: method ?? '' });
  return path;
}

function asProblem(error: unknown): EnarxError {
  // What a bug says of itself is not for strangers.
  return error instanceof EnarxError
    ? (error as EnarxError)
    : channelProblem('channel/failed', { cause: error });
}
