// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';

import { cborContentType, decodeMessage, type MessageType } from '@enarx/protocol';

import { keepmgrProblem } from '../problems.ts';

/**
 * Reads the message in a request's body.
 *
 * @param longest - milliseconds that the body may take
 * @throws EnarxError `api/body-type`, `api/body-too-large`, `api/body-too-slow`, any of `cbor/…`, `message/invalid`
 */
export async function readMessage<T>(
  request: IncomingMessage,
  type: MessageType<T>,
  longest: number,
): Promise<T> {
  const { 'content-type': contentType, 'content-encoding': contentEncoding } = request.headers;
  if (contentType?.trim().toLowerCase() !== cborContentType || contentEncoding !== undefined)
    throw keepmgrProblem('api/body-type', { expected: cborContentType });
  return decodeMessage(type, await readBody(request, type.maxBytes, longest));
}

/** @throws EnarxError `api/body-too-large` when the request has any body, announced or not yet */
export function refuseBody({ headers }: IncomingMessage): void {
  const length = headers['content-length'];
  if (headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0'))
    throw keepmgrProblem('api/body-too-large', { expected: 'no body' });
}

function readBody(request: IncomingMessage, most: number, longest: number): Promise<Uint8Array> {
  const tooLarge = (): Error =>
    keepmgrProblem('api/body-too-large', { expected: `at most ${String(most)} bytes` });
  // What is announced need not be waited for.
  if (Number(request.headers['content-length'] ?? 0) > most) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const finish = (action: () => void): void => {
      clearTimeout(timer);
      request.off('data', receive).off('end', end).off('close', closed).off('error', closed);
      request.pause();
      action();
    };
    const fail = (error: Error): void => {
      finish(() => {
        reject(error);
      });
    };
    const timer = setTimeout(() => {
      fail(keepmgrProblem('api/body-too-slow'));
    }, longest);
    const closed = (): void => {
      fail(keepmgrProblem('api/request-malformed', { found: 'the end of the connection within the body' }));
    };
    const receive = (chunk: Uint8Array): void => {
      length += chunk.length;
      if (length > most) fail(tooLarge());
      else chunks.push(chunk);
    };
    const end = (): void => {
      finish(() => {
        resolve(Buffer.concat(chunks));
      });
    };
    request.on('data', receive).on('end', end).on('close', closed).on('error', closed);
  });
}
