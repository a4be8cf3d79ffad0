// SPDX-License-Identifier: Apache-2.0
//
// A component that answers HTTP requests in a real runner, on a loopback port of this process.
import { readFileSync } from 'node:fs';
import { request, type Agent, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';

import type { File } from '@enarx/runtime';

import { LoopbackNetwork } from '../../../../test/support/loopback-network.ts';
import { start, type Given, type Started } from '../support.ts';
import { delivered } from './support.ts';

export const handler = readFileSync(join(import.meta.dirname, 'rust/handler.component.wasm'));

const files: readonly File[] = [
  { kind: 'null' },
  { kind: 'stdout' },
  { kind: 'stderr' },
  { kind: 'listen', prot: 'tcp', port: 0 },
];

export interface Serving extends AsyncDisposable {
  readonly port: number;
  readonly network: LoopbackNetwork;
  readonly started: Started;
}

/** @param ports - of connections that it may make, as further descriptors with the name `there` */
export async function serving(
  component: Uint8Array,
  given: Given = {},
  connections: readonly { readonly host: string; readonly port: number; readonly at: number }[] = [],
): Promise<Serving> {
  const network = new LoopbackNetwork();
  const port = await network.listen(3);
  for (const [index, { at }] of connections.entries()) await network.connect(4 + index, at);
  const begun = Promise.withResolvers<undefined>();
  const started = await start(await delivered(component), {
    network,
    files: [
      ...files,
      ...connections.map(({ host, port: to }) => ({ kind: 'connect', prot: 'tcp', host, port: to }) as const),
    ],
    onStarted: () => {
      begun.resolve(undefined);
    },
    ...given,
  });
  started.finished.catch(() => undefined);
  await Promise.race([begun.promise, started.finished]);
  return {
    port,
    network,
    started,
    [Symbol.asyncDispose]: async () => {
      started.runner.kill();
      await started.runner.exited;
      await network[Symbol.asyncDispose]();
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly trailers: IncomingMessage['trailers'];
  readonly body: Buffer;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Uint8Array;
  readonly trailers?: OutgoingHttpHeaders;
  readonly agent?: Agent;
}

/** One request and its whole answer. Rejects where that does not come whole. */
export function ask(
  port: number,
  path: string,
  { method, headers = {}, body, trailers, agent }: Asked = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sending = request({
      port,
      host: '127.0.0.1',
      path,
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers,
      agent: agent ?? false,
    });
    sending.on('error', reject);
    sending.on('response', (message) => {
      const pieces: Buffer[] = [];
      message.on('data', (piece: Buffer) => pieces.push(piece));
      message.on('error', reject);
      message.on('end', () => {
        resolve({
          status: message.statusCode ?? 0,
          headers: message.headers,
          trailers: message.trailers,
          body: Buffer.concat(pieces),
        });
      });
    });
    if (trailers !== undefined) {
      sending.setHeader('Trailer', Object.keys(trailers).join(', '));
      sending.addTrailers(trailers);
    }
    sending.end(body);
  });
}

export async function said(port: number, path: string, asked: Asked = {}): Promise<string> {
  return (await ask(port, path, asked)).body.toString();
}
