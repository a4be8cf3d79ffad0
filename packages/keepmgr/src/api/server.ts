// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions, TlsOptions } from 'node:tls';

import { Pace } from '@enarx/keepldr/pace';
import { toHex, type EnarxError } from '@enarx/protocol';

import type { Authenticate } from '../auth/authenticate.ts';
import type { DaemonLog } from '../daemon-log.ts';
import type { Limits } from '../limits.ts';
import { keepmgrProblem } from '../problems.ts';
import { localUser, type Caller } from './caller.ts';
import { openChannel } from './channel.ts';
import { boundConnections } from './connections.ts';
import type { InProgress } from './in-progress.ts';
import { refuseBrowsers } from './refusals.ts';
import { asProblem, sendProblem, sendProblemRaw, sendReply } from './reply.ts';
import { route, type ApiSubject } from './routes.ts';

const largestHead = 8192;
const mostHeaders = 64;
const idleConnectionTime = 30_000;

/** How callers are told apart where anybody may connect. */
export interface Guarded {
  readonly tls: SecureContextOptions;
  /** Whether clients are asked for a certificate. */
  readonly clientCertificates: boolean;
  readonly authenticate: () => Authenticate;
  /** By tenant. */
  readonly inProgress: InProgress;
}

interface Identified {
  readonly caller: Caller;
  /** The request is no longer in progress. */
  end(): void;
}

/** @throws EnarxError `api/unauthenticated`, `api/too-many-requests` */
type Identify = (request: IncomingMessage) => Promise<Identified>;

const local: Identified = { caller: localUser, end: () => undefined };

/**
 * The API over HTTP/1.1, not yet listening.
 * @param guarded - with TLS and for known tenants; without it for the users of this machine
 */
export async function apiServer(subject: ApiSubject, log: DaemonLog, guarded?: Guarded): Promise<Server> {
  const { limits } = subject;
  const identify: Identify =
    guarded === undefined ? () => Promise.resolve(local) : (request) => identifyTenant(guarded, request);
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    void answer(subject, log, identify, request, response);
  };
  const server =
    guarded === undefined
      ? createServer(serverOptions(limits), serve)
      : (await import('node:https')).createServer(
          { ...serverOptions(limits), ...tlsOptions(guarded), handshakeTimeout: limits.headersTime },
          serve,
        );
  server.maxHeadersCount = mostHeaders;
  boundConnections(server, limits.connections, () => {
    if (lines.take()) log('connection-dropped', { expected: `at most ${String(limits.connections)}` });
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Uint8Array) => {
    // It is the connection, unless the request has a body: then node:http puts a stream of its own before it.
    if (socket instanceof Socket) void upgrade(subject, log, identify, request, socket, head);
    else sendProblemRaw(socket, keepmgrProblem('api/body-too-large', { expected: 'no body' }));
  });
  server.on('clientError', (error, socket) => {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (lines.take()) log('request-refused', { code });
    if (!socket.writable || code === 'ECONNRESET') socket.destroy();
    else sendProblemRaw(socket, keepmgrProblem('api/request-malformed', { found: code }));
  });
  server.on('tlsClientError', () => {
    // A scanner or a client that trusts another authority: its own affair.
  });
  return server;
}

async function identifyTenant(
  { authenticate, inProgress }: Guarded,
  request: IncomingMessage,
): Promise<Identified> {
  const caller = await authenticate()(request);
  return { caller, end: caller.operator ? () => undefined : inProgress.begin(caller.tenant) };
}

/** Who has no certificate of an authority of ours may still have a token, so the handshake goes on. */
function tlsOptions({ tls, clientCertificates }: Guarded): TlsOptions {
  return {
    ...tls,
    minVersion: 'TLSv1.3',
    requestCert: clientCertificates,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  };
}

function serverOptions({ headersTime, bodyTime }: Limits): Parameters<typeof createServer>[0] & object {
  return {
    maxHeaderSize: largestHead,
    headersTimeout: headersTime,
    requestTimeout: headersTime + bodyTime,
    connectionsCheckingInterval: Math.min(1000, headersTime),
    keepAliveTimeout: idleConnectionTime,
    requireHostHeader: true,
    // A request with a doubtful length or line ending is how requests are smuggled past a proxy.
    insecureHTTPParser: false,
    rejectNonStandardBodyWrites: true,
  };
}

async function answer(
  subject: ApiSubject,
  log: DaemonLog,
  identify: Identify,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on('error', () => undefined);
  request.on('error', () => undefined);
  const number = requestNumber();
  response.setHeader('request-id', toHex(number));
  response.on('close', () => {
    subject.metrics.answered(response.statusCode);
  });
  let identified: Identified | undefined;
  try {
    refuseBrowsers(request);
    identified = await identify(request);
    sendReply(response, await route(subject, request, { caller: identified.caller, number }));
  } catch (error) {
    const problem = asProblem(error, log);
    tell(subject, log, request, problem, number);
    sendProblem(response, problem);
  } finally {
    identified?.end();
  }
}

/** A number by which a client can ask an operator about one request. Never what the client chose: it could be of another's. */
function requestNumber(): Uint8Array {
  return new Uint8Array(randomBytes(8));
}

/** A flood of refusals shall not be a flood of lines; the counters tell how many there were. */
const lines = new Pace(64, 10);

/** Refusals are worth a line; what was asked for is told as far as it is one of our paths. */
function tell(
  { metrics }: ApiSubject,
  log: DaemonLog,
  request: IncomingMessage,
  { code }: EnarxError,
  number: Uint8Array,
): void {
  metrics.refused(code);
  if (!lines.take()) return;
  const keep = /^\/v1\/keeps\/([0-9a-f]{32})(?:\/|$)/.exec(request.url ?? '')?.[1];
  log('request-refused', { code, request: toHex(number), keep });
}

async function upgrade(
  subject: ApiSubject,
  log: DaemonLog,
  identify: Identify,
  request: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
): Promise<void> {
  socket.on('error', () => undefined);
  const number = requestNumber();
  let identified: Identified | undefined;
  try {
    identified = await identify(request);
    await openChannel(subject, request, socket, head, { caller: identified.caller, number });
  } catch (error) {
    const problem = asProblem(error, log);
    tell(subject, log, request, problem, number);
    sendProblemRaw(socket, problem, { 'request-id': toHex(number) });
  } finally {
    identified?.end();
  }
}
