// SPDX-License-Identifier: Apache-2.0
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import { encodeProblem, problemContentType, type EnarxError } from '@enarx/protocol';

export function reply(response: ServerResponse, status: number, type?: string, body?: Uint8Array): void {
  response.sendDate = false;
  response.writeHead(status, {
    'cache-control': 'no-store',
    'content-length': body?.length ?? 0,
    ...(type === undefined ? {} : { 'content-type': type }),
  });
  response.end(body);
}

/** A refusal ends the connection: whoever asks for what it may not have has to begin again. */
export function refuse(response: ServerResponse, error: EnarxError): void {
  response.shouldKeepAlive = false;
  reply(response, error.status, problemContentType, encodeProblem(error));
}

/** The same where there is no response object: after an upgrade request, and for bytes that are no request. */
export function refuseRaw(socket: Duplex, error: EnarxError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = encodeProblem(error);
  const { status } = error;
  const head = [
    `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}`,
    'connection: close',
    `content-type: ${problemContentType}`,
    `content-length: ${String(body.length)}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  socket.end(body);
}
