// SPDX-License-Identifier: Apache-2.0
import {
  request,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions as RequestOptionsOfNode,
} from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { Socket } from 'node:net';

import {
  cborContentType,
  createKeep,
  decodeMessage,
  decodeProblem,
  encodeMessage,
  formatKeepId,
  keep as keepMessage,
  keepChanges,
  keepList,
  keepLog,
  problemContentType,
  renewKeep,
  type CreateKeep,
  type EnarxError,
  type Keep,
  type KeepChanges,
  type KeepState,
  type Tee,
} from '@enarx/protocol';

export interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: Uint8Array;
}

export interface RequestOptions {
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
}

/** How a tenant proves who it is, and whom it trusts. PEM. */
export interface Credentials {
  readonly ca: string;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly token?: string | undefined;
}

/** The API as bare HTTP: what a second client would have to send. */
export class Client {
  readonly #where: { host: string; port: string } | { socketPath: string };
  readonly #credentials: Credentials | undefined;

  constructor(address: string, credentials?: Credentials) {
    this.#credentials = credentials;
    if (address.startsWith('unix:')) this.#where = { socketPath: address.slice(5) };
    else {
      const { hostname, port } = new URL(address);
      this.#where = { host: hostname, port };
    }
  }

  get port(): number {
    return 'port' in this.#where ? Number(this.#where.port) : 0;
  }

  #request(options: RequestOptionsOfNode): ClientRequest {
    const { token, ...tls } = this.#credentials ?? {};
    const headers = {
      ...(options.headers as Record<string, string> | undefined),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const all = { ...this.#where, ...options, headers, agent: false as const };
    if (this.#credentials === undefined) return request(all);
    return tlsRequest({ ...all, ...tls, checkServerIdentity: () => undefined });
  }

  ask(method: string, path: string, { headers = {}, body }: RequestOptions = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = this.#request({ method, path, headers });
      outgoing.on('response', (response) => {
        collect(response).then((bytes) => {
          resolve({
            status: response.statusCode ?? 0,
            type: response.headers['content-type'],
            body: bytes,
          });
        }, reject);
      });
      outgoing.on('error', reject).end(body);
    });
  }

  /** The problem that a request meets with. */
  async problem(method: string, path: string, options?: RequestOptions): Promise<EnarxError> {
    const { status, type, body } = await this.ask(method, path, options);
    if (type !== problemContentType) throw new Error(`${String(status)} is no problem`);
    const problem = decodeProblem(body);
    if (problem.status !== status) throw new Error(`${String(status)} with a problem of another status`);
    return problem;
  }

  async create(tee: Tee = 'sim', more: Partial<CreateKeep> = {}, status = 201): Promise<Keep> {
    const answer = await this.ask('POST', '/v1/keeps', {
      headers: { 'content-type': cborContentType },
      body: encodeMessage(createKeep, { tee, ...more }),
    });
    return decodeMessage(keepMessage, successful(answer, status));
  }

  async list(query = ''): Promise<Keep[]> {
    return decodeMessage(keepList, successful(await this.ask('GET', `/v1/keeps${query}`)));
  }

  async changes(after?: string): Promise<KeepChanges> {
    const query = after === undefined ? '' : `?after=${after}`;
    return decodeMessage(keepChanges, successful(await this.ask('GET', `/v1/changes${query}`)));
  }

  async renew(id: Uint8Array, lease: number): Promise<Keep> {
    const answer = await this.ask('POST', path(id, '/renew'), {
      headers: { 'content-type': cborContentType },
      body: encodeMessage(renewKeep, { lease }),
    });
    return decodeMessage(keepMessage, successful(answer));
  }

  async show(id: Uint8Array): Promise<Keep> {
    return decodeMessage(keepMessage, successful(await this.ask('GET', path(id))));
  }

  async log(id: Uint8Array): Promise<string[]> {
    const entries = decodeMessage(keepLog, successful(await this.ask('GET', path(id, '/log'))));
    return entries.map(({ source, event, detail }) => `${source} ${event} ${detail ?? ''}`.trim());
  }

  async stop(id: Uint8Array): Promise<Keep> {
    return decodeMessage(keepMessage, successful(await this.ask('POST', path(id, '/stop'))));
  }

  async remove(id: Uint8Array): Promise<void> {
    successful(await this.ask('DELETE', path(id)), 204);
  }

  /** A channel to the Keep's guest. @throws EnarxError the problem that the daemon gives instead */
  channel(id: Uint8Array, query = ''): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const outgoing = this.#request({
        path: path(id, `/channel${query}`),
        headers: { connection: 'Upgrade', upgrade: 'enarx-channel/1' },
      });
      outgoing.on('upgrade', (_response, socket: Socket, head: Uint8Array) => {
        if (head.length > 0) socket.unshift(head);
        socket.allowHalfOpen = true;
        resolve(socket);
      });
      outgoing.on('response', (response) => {
        collect(response).then((bytes) => {
          reject(decodeProblem(bytes));
        }, reject);
      });
      outgoing.on('error', reject).end();
    });
  }

  /** Gives the stand-in guest a command and reads what it says until it ends. */
  async tell(id: Uint8Array, command: string): Promise<string> {
    const socket = await this.channel(id);
    socket.write(`${command}\n`);
    const said = await collect(socket);
    socket.end();
    return Buffer.from(said).toString();
  }

  /** Waits until the Keep is in one of the states. */
  async reaches(id: Uint8Array, ...states: KeepState[]): Promise<Keep> {
    for (const deadline = performance.now() + 30_000; performance.now() < deadline;) {
      const keep = await this.show(id);
      if (states.includes(keep.state)) return keep;
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    throw new Error(`not in time: ${states.join(' or ')}; ${(await this.log(id)).join(' | ')}`);
  }
}

export function path(id: Uint8Array, rest = ''): string {
  return `/v1/keeps/${formatKeepId(id)}${rest}`;
}

function successful(answer: Answer, status = 200): Uint8Array {
  if (answer.status !== status) {
    if (answer.type === problemContentType) throw decodeProblem(answer.body);
    throw new Error(`status ${String(answer.status)}`);
  }
  return answer.body;
}

export async function collect(stream: IncomingMessage | Socket): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
