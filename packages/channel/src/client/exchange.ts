// SPDX-License-Identifier: Apache-2.0
import { Agent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

import {
  cborContentType,
  collectBytes,
  decodeProblem,
  EnarxError,
  maxProblemBytes,
  problemContentType,
} from '@enarx/protocol';

import { channelProblem } from '../problems.ts';
import { workloadToken } from '../tls.ts';
import { ReportedError } from '../reported-error.ts';

const largestHead = 8192;

/** HTTP/1.1 requests on the one TLS connection that there is; when that has gone, no other takes its place. */
export class Exchange {
  readonly #agent: Agent;
  readonly #socket: TLSSocket;
  #used = false;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 });
    this.#agent.createConnection = (_options, done) => {
      if (!this.#used && !socket.destroyed) {
        this.#used = true;
        return socket;
      }
      // Not thrown: the agent also asks when the connection closes and requests are waiting, where nobody would catch it.
      queueMicrotask(() => {
        done?.(channelProblem('channel/closed'), socket);
      });
      return undefined;
    };
  }

  /**
   * @returns the body of an answer with the given status
   * @throws EnarxError what the Keep reports, `channel/closed`, `channel/answer`
   */
  async post(path: string, status: number, most: number, body?: Uint8Array): Promise<Uint8Array> {
    const request = this.#request(path, {
      accept: `${cborContentType}, ${problemContentType}`,
      'content-length': body?.length ?? 0,
      ...(body === undefined ? {} : { 'content-type': cborContentType }),
    });
    request.end(body);
    const response = await responseTo(request);
    if (response.statusCode !== status) throw await problemIn(response);
    if (most > 0) requireType(response, cborContentType);
    return readBody(response, most);
  }

  /** @returns the connection, on which frames follow */
  async upgrade(path: string): Promise<Duplex> {
    const request = this.#request(path, {
      connection: 'upgrade',
      upgrade: workloadToken,
      'content-length': 0,
    });
    const upgraded = new Promise<Duplex>((resolve, reject) => {
      request.on('upgrade', (response: IncomingMessage, socket: Duplex, head: Uint8Array) => {
        if (response.headers.upgrade !== workloadToken)
          reject(answer(`an upgrade to ${response.headers.upgrade ?? 'nothing'}`));
        if (head.length > 0) socket.unshift(head);
        // The agent has left its timer on the connection, and a program may be silent for long.
        this.#socket.setTimeout(0);
        resolve(socket);
      });
    });
    request.end();
    // Answers that come first are refusals.
    const refused = responseTo(request).then(async (response) => {
      throw await problemIn(response);
    });
    return Promise.race([upgraded, refused]);
  }

  #request(path: string, headers: Record<string, string | number>): ClientRequest {
    return httpRequest({
      method: 'POST',
      path,
      headers: { host: 'keep', ...headers },
      agent: this.#agent,
      maxHeaderSize: largestHead,
    });
  }
}

/** Names errors here, since one connection has one way to fail; the client of a host's API has several, and names them later. */
function responseTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', (cause: NodeJS.ErrnoException) => {
      if (cause instanceof EnarxError) reject(cause);
      else if (cause.code?.startsWith('HPE_') === true) reject(answer(cause.code));
      else reject(channelProblem('channel/closed', { found: cause.code ?? cause.message, cause }));
    });
    request.on('close', () => {
      reject(channelProblem('channel/closed'));
    });
  });
}

/** What the Keep says, which the attested connection vouches for. */
async function problemIn(response: IncomingMessage): Promise<EnarxError> {
  const { statusCode = 0 } = response;
  const found = `status ${String(statusCode)}`;
  if (statusCode < 400) return answer(found);
  try {
    requireType(response, problemContentType);
  } catch {
    return answer(`${found} without problem details`);
  }
  return new ReportedError('keep', decodeProblem(await readBody(response, maxProblemBytes)));
}

/**
 * Stricter on purpose than what the client of a host's API asks for: the Keep's own loader answers, with nobody in between who may write a
 * header anew, so there is one spelling.
 */
function requireType({ headers }: IncomingMessage, type: string): void {
  const { 'content-type': found, 'content-encoding': encoding } = headers;
  if (found !== type || encoding !== undefined) throw answer(`content type ${found ?? 'none'}`, type);
}

async function readBody(response: IncomingMessage, most: number): Promise<Uint8Array> {
  let body: Uint8Array | undefined;
  try {
    body = await collectBytes(response as AsyncIterable<Uint8Array>, most);
  } catch (cause) {
    throw channelProblem('channel/closed', { found: (cause as Error).message, cause });
  }
  if (body === undefined) throw answer('a larger body', `at most ${String(most)} bytes`);
  return body;
}

function answer(found: string, expected?: string): EnarxError {
  return channelProblem('channel/answer', { found, expected });
}
