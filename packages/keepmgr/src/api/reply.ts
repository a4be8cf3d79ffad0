// SPDX-License-Identifier: Apache-2.0
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import {
  cborContentType,
  encodeMessage,
  encodeProblem,
  EnarxError,
  problemContentType,
  type MessageType,
} from '@enarx/protocol';

import type { DaemonLog } from '../daemon-log.ts';
import { keepmgrProblem } from '../problems.ts';

/** What the API answers: a message, or nothing. */
export interface Reply {
  readonly status: 200 | 201 | 204 | 503;
  readonly body?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export function reply<T>(type: MessageType<T>, value: T, status: 200 | 201 = 200): Reply {
  return { status, body: encodeMessage(type, value) };
}

const always = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
/** How long a client that is refused in the middle of its body may take to read why. */
const lastWordsTime = 500;

export function sendReply(response: ServerResponse, { status, body, headers }: Reply): void {
  response.writeHead(status, {
    ...always,
    ...(body === undefined ? {} : { 'content-type': cborContentType, 'content-length': body.length }),
    ...headers,
  });
  response.end(body);
}

/** Sends a problem; a connection with unread bytes on it is closed afterwards, so that they are never taken for a request. */
export function sendProblem(response: ServerResponse, problem: EnarxError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { req: request } = response;
  const body = encodeProblem(problem);
  const unread = !request.complete;
  // The head says what the body would be; node:http refuses one that is written all the same.
  const bodiless = request.method === 'HEAD';
  response.writeHead(problem.status, {
    ...always,
    'content-type': problemContentType,
    'content-length': body.length,
    ...(unread ? { connection: 'close' } : {}),
  });
  response.end(bodiless ? undefined : body);
  if (unread) setTimeout(() => request.socket.destroy(), lastWordsTime).unref();
}

/** The same, on a connection that asked for an upgrade and is no longer HTTP's. */
export function sendProblemRaw(
  socket: Duplex,
  problem: EnarxError,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = encodeProblem(problem);
  const head = [
    `HTTP/1.1 ${String(problem.status)} ${STATUS_CODES[problem.status] ?? 'Problem'}`,
    ...Object.entries({ ...always, ...headers }).map(([name, value]) => `${name}: ${value}`),
    `content-type: ${problemContentType}`,
    `content-length: ${String(body.length)}`,
    'connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  socket.end(body);
  setTimeout(() => socket.destroy(), lastWordsTime).unref();
}

/** Any error as a problem that may be told. What is not one of ours is logged and not told. */
export function asProblem(error: unknown, log: DaemonLog): EnarxError {
  if (error instanceof EnarxError) {
    const problem: EnarxError = error as EnarxError;
    if (problem.kind === 'internal') log('internal-problem', { code: problem.code, detail: problem.message });
    return problem;
  }
  log('internal-error', { detail: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  return keepmgrProblem('keepmgr/internal', { cause: error });
}
