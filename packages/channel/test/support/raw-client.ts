// SPDX-License-Identifier: Apache-2.0
//
// A client that may do what ours never would.
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';

import type { ClientIdentity } from '@enarx/channel';
import { attestRequest, decodeProblem, encodeMessage, type EnarxError, type Purpose } from '@enarx/protocol';

export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

export class RawClient {
  readonly socket: TLSSocket;
  #rest: Buffer = Buffer.alloc(0);
  #ended = false;
  #came: (() => void) | undefined;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      this.#came?.();
    });
    socket.on('close', () => {
      this.#ended = true;
      this.#came?.();
    });
  }

  /** Resolves when the handshake is done. @throws Error of the handshake */
  static async open(
    connection: Duplex,
    identity?: Pick<ClientIdentity, 'key' | 'certificate'>,
    options: ConnectionOptions = {},
  ): Promise<RawClient> {
    const socket = connect({
      socket: connection,
      ...(identity === undefined ? {} : { key: identity.key, cert: identity.certificate }),
      ca: [],
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: false,
      ...options,
    });
    socket.allowHalfOpen = false;
    const failed = once(socket, 'close').then(() => {
      throw new Error('closed');
    });
    failed.catch(() => undefined);
    await Promise.race([once(socket, 'secureConnect'), failed]);
    return new RawClient(socket);
  }

  request(path: string, headers: Record<string, string> = {}, body: Uint8Array = new Uint8Array(0)): void {
    const lines = Object.entries({ host: 'keep', 'content-length': String(body.length), ...headers });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    this.socket.write(Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n`), body]));
  }

  attest(purpose: Purpose): void {
    const body = encodeMessage(attestRequest, { nonce: new Uint8Array(32), purpose });
    this.request('/v1/attest', { 'content-type': 'application/cbor' }, body);
  }

  upgrade(path: string): void {
    this.request(path, { connection: 'upgrade', upgrade: 'enarx-workload/1' });
  }

  /** The next answer, or `undefined` when the connection is closed without one. */
  async answer(): Promise<Answer | undefined> {
    for (;;) {
      const at = this.#rest.indexOf('\r\n\r\n');
      if (at >= 0) {
        const [first = '', ...lines] = this.#rest.subarray(0, at).toString('latin1').split('\r\n');
        const headers = new Map(lines.map((line) => line.toLowerCase().split(': ') as [string, string]));
        const end = at + 4 + Number(headers.get('content-length') ?? 0);
        if (this.#rest.length >= end) {
          const body = this.#rest.subarray(at + 4, end);
          this.#rest = this.#rest.subarray(end);
          return { status: Number(first.split(' ')[1]), headers, body };
        }
      }
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#came = resolve;
      });
    }
  }

  /** The problem that is answered. */
  async problem(): Promise<EnarxError> {
    const answer = await this.answer();
    if (answer === undefined) throw new Error('closed without an answer');
    const problem = decodeProblem(answer.body);
    if (problem.status !== answer.status) throw new Error('a problem of another status');
    return problem;
  }

  /** Resolves when the other side has closed the connection. */
  async closed(): Promise<void> {
    if (this.#ended) return;
    // Whoever still writes when he is cut off meets a reset: that is how it closes for him.
    this.socket.on('error', () => undefined);
    await new Promise<void>((resolve) => {
      this.socket.once('close', () => {
        resolve();
      });
    });
  }
}
