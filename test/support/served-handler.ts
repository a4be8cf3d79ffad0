// SPDX-License-Identifier: Apache-2.0
//
// A component that answers HTTP requests in a real Keep, and clients of it.
import assert from 'node:assert/strict';
import { createHash, type X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';

import { events, start, type Running } from './enarx.ts';
import type { Sandbox } from './sandbox.ts';

/** Milliseconds after which a Keep that a test has forgotten is ended. */
const longest = 600_000;

export interface Served extends AsyncDisposable {
  readonly port: number;
  readonly key: string;
  readonly running: Running;
}

/** `enarx run` of a component that answers requests, in a Keep of its own. */
export async function served(box: Sandbox, component: string, args: readonly string[]): Promise<Served> {
  const running = start(box, ['run', '--json', ...args, component], { timeout: longest });
  running.stdin.end();
  const place = () => events(running.text('stderr')).find(({ event }) => event === 'listening');
  while (place() === undefined && running.child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 50));
  const found = place();
  assert.ok(found !== undefined, running.text('stderr'));
  return {
    port: Number(found['port']),
    key: String(found['key']),
    running,
    [Symbol.asyncDispose]: async () => {
      running.child.kill('SIGTERM');
      await running.ended;
    },
  };
}

/** One request; the connection is given up before it is sent where the other end has another key. */
export async function ask(
  { port, key }: Pick<Served, 'port' | 'key'>,
  path: string,
  body?: Uint8Array,
): Promise<{ readonly status: number; readonly body: Buffer }> {
  const agent = new Agent({ keepAlive: false });
  try {
    const sending = request({
      agent,
      port,
      host: '127.0.0.1',
      path,
      method: body === undefined ? 'GET' : 'POST',
      // No authority vouches for the key: the attested digest does.
      rejectUnauthorized: false,
    });
    sending.on('error', () => undefined);
    const [socket] = (await once(sending, 'socket')) as [TLSSocket];
    await once(socket, 'secureConnect');
    requireKey(socket, key);
    sending.end(body);
    const [message] = (await once(sending, 'response')) as [NodeJS.ReadableStream & { statusCode: number }];
    const pieces: Buffer[] = [];
    for await (const piece of message) pieces.push(piece as Buffer);
    return { status: message.statusCode, body: Buffer.concat(pieces) };
  } finally {
    agent.destroy();
  }
}

/** The Keep's certificate, as an anchor for a client that judges certificates and not keys. */
export interface Trust {
  readonly ca: string;
  readonly servername: string;
}

/** @throws Error when the certificate that is shown has another key than the attested one */
export async function trustIn(keep: Pick<Served, 'port' | 'key'>): Promise<Trust> {
  const socket = await unjudged(keep);
  const certificate = socket.getPeerX509Certificate() as X509Certificate;
  socket.destroy();
  const [, servername = ''] = /^DNS:(.+)$/.exec(certificate.subjectAltName ?? '') ?? [];
  return { ca: certificate.toString(), servername };
}

/** A connection to the attested key, for those who write HTTP by hand. */
export async function dial(keep: Pick<Served, 'port' | 'key'>): Promise<TLSSocket> {
  const socket = await unjudged(keep);
  socket.setNoDelay(true);
  return socket;
}

async function unjudged({ port, key }: Pick<Served, 'port' | 'key'>): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  requireKey(socket, key);
  return socket;
}

function requireKey(socket: TLSSocket, key: string): void {
  const { publicKey } = socket.getPeerX509Certificate() as X509Certificate;
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  if (createHash('sha256').update(spki).digest('hex') !== key) throw new Error('another key');
}
