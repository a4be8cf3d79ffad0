// SPDX-License-Identifier: Apache-2.0
import { connect, type Socket } from 'node:net';

import { decodeProblem } from '@enarx/protocol';

export interface RawAnswer {
  readonly status: number;
  /** Code of the problem, if it is one. */
  readonly code: string | undefined;
  /** Everything that came. */
  readonly bytes: Buffer;
}

/** Sends bytes as they are, on a connection of their own, and reads until the daemon closes it. */
export function raw(port: number, bytes: string | Uint8Array, longest = 5000): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection stays open: ${Buffer.concat(chunks).toString('latin1')}`));
    }, longest);
    const chunks: Uint8Array[] = [];
    socket.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(parse(Buffer.concat(chunks)));
    });
    socket.write(bytes);
  });
}

function parse(bytes: Buffer): RawAnswer {
  const text = bytes.toString('latin1');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0);
  const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
  const head = text.indexOf('\r\n\r\n');
  let code: string | undefined;
  if (text.includes('application/concise-problem-details+cbor'))
    code = decodeProblem(bytes.subarray(head + 4, head + 4 + length)).code;
  return { status, code, bytes };
}

/** A connection that is opened and left as it is. */
export function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      resolve(socket);
    });
    socket.on('error', reject);
  });
}
