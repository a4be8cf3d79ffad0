// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';

import { cborContentType } from '@enarx/protocol';

import { channelProblem } from '../problems.ts';

/** @throws EnarxError `channel/content-type`, `channel/body-too-large` */
export async function readCborBody(request: IncomingMessage, most: number): Promise<Uint8Array> {
  const { 'content-type': type, 'content-encoding': encoding } = request.headers;
  if (type !== cborContentType || encoding !== undefined)
    throw channelProblem('channel/content-type', { found: type ?? 'none' });
  const tooLarge = channelProblem('channel/body-too-large', { expected: `at most ${String(most)} bytes` });
  // Said before any of it is read, where the length is announced.
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLarge;
  const chunks: Uint8Array[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Uint8Array) => {
      length += chunk.length;
      if (length > most) {
        request.pause();
        reject(tooLarge);
      } else chunks.push(chunk);
    });
    request.on('end', () => {
      resolve(Buffer.concat(chunks));
    });
    request.on('close', () => {
      reject(channelProblem('channel/closed'));
    });
  });
}

/** @throws EnarxError `channel/body-too-large` */
export function requireNoBody({ headers }: IncomingMessage): void {
  const length = headers['content-length'];
  if (headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0'))
    throw channelProblem('channel/body-too-large', { expected: 'no body' });
}
