// SPDX-License-Identifier: Apache-2.0
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import { ReportedError } from '@enarx/channel';
import {
  cborContentType,
  collectBytes,
  decodeMessage,
  decodeProblem,
  encodeMessage,
  EnarxError,
  maxProblemBytes,
  problemContentType,
  type MessageType,
} from '@enarx/protocol';

import { parseAddress, type Address } from './address.ts';
import { refuseInsecure, type HostAccess } from './host-access.ts';
import type { HostConnection } from './host-connection.ts';
import { connectionTo } from './host-plain.ts';
import { clientProblem } from './problems.ts';
import type { Tap } from './tap.ts';

/** Milliseconds. */
export interface HostTimes {
  /** From a request to the last byte of its answer. */
  readonly answer: number;
  /** From an upgrade to its answer: the host may wait 30 s for a Keep that is still launching. */
  readonly channel: number;
}

export const defaultHostTimes: HostTimes = { answer: 30_000, channel: 40_000 };

export interface HostApiOptions {
  readonly url: string;
  /** For `https://` only. */
  readonly access?: HostAccess | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly times?: Partial<HostTimes> | undefined;
  readonly tap?: Tap | undefined;
}

interface Question<T> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** The message of a successful answer; `undefined` where there is none. */
  readonly answer: MessageType<T> | undefined;
  readonly status: number;
  readonly body?: { readonly rule: string; readonly bytes: Uint8Array };
}

export type UpgradeToken = 'enarx-channel/1' | 'enarx-launch/1';

interface Upgraded {
  readonly socket: Socket;
  readonly token: string | undefined;
}

const largestHead = 16_384;

/**
 * The keepmgr's API over HTTP/1.1. The host is not trusted: answers are bounded in size and time, must have the content
 * type of this protocol, and are decoded strictly. Redirects are not followed.
 */
export class HostApi {
  readonly url: string;
  readonly #address: Address;
  readonly #access: HostAccess | undefined;
  #connecting: Promise<HostConnection> | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #times: HostTimes;
  readonly #tap: Tap | undefined;

  /** @throws EnarxError `client/address-invalid`, `client/access-insecure` */
  constructor({ url, access, signal, times, tap }: HostApiOptions) {
    this.url = url;
    this.#address = parseAddress(url);
    refuseInsecure(this.#address, access);
    this.#access = access;
    this.#signal = signal;
    this.#times = { ...defaultHostTimes, ...times };
    this.#tap = tap;
  }

  get tap(): Tap | undefined {
    return this.#tap;
  }

  get signal(): AbortSignal | undefined {
    return this.#signal;
  }

  get<T>(path: string, answer: MessageType<T>): Promise<T> {
    return this.#ask({ method: 'GET', path, answer, status: 200 });
  }

  post<A, T>(
    path: string,
    answer: MessageType<T>,
    status: number,
    question?: readonly [MessageType<A>, A],
    onSent?: () => void,
  ): Promise<T> {
    const body =
      question === undefined ? {} : { body: { rule: question[0].name, bytes: encodeMessage(...question) } };
    return this.#ask({ method: 'POST', path, answer, status, ...body }, onSent);
  }

  async delete(path: string): Promise<void> {
    await this.#ask<never>({ method: 'DELETE', path, answer: undefined, status: 204 });
  }

  /** Closes idle connections. */
  close(): void {
    this.#connecting?.then(
      (connection) => {
        connection.close();
      },
      // Whoever asked was told.
      () => undefined,
    );
  }

  async #ask<T>(question: Question<T>, onSent?: () => void): Promise<T> {
    const { method, path, body, answer, status } = question;
    return this.#bounded(this.#signal, this.#times.answer, async (signal, connection) => {
      const headers = {
        ...(await connection.credentials()),
        accept: `${cborContentType}, ${problemContentType}`,
        ...(body === undefined
          ? { 'content-length': 0 }
          : { 'content-type': cborContentType, 'content-length': body.bytes.length }),
      };
      const request = connection.request(asked({ method, path, headers, signal }));
      if (body !== undefined) this.#tap?.('sent', body.rule, body.bytes);
      request.end(body?.bytes, onSent);
      const response = await responseOf(request);
      if (response.statusCode !== status) throw await this.#problemIn(response, connection);
      if (answer === undefined) {
        response.resume();
        return undefined as T;
      }
      requireType(response, cborContentType);
      const bytes = await readBody(response, answer.maxBytes);
      this.#tap?.('received', answer.name, bytes);
      return decodeMessage(answer, bytes);
    });
  }

  /**
   * Asks for an upgrade to the channel of a Keep, or to its launch.
   * @returns the connection, on which from now on only the Keep, or its loader, is heard
   * @throws EnarxError what the host reports, any `client/host-…`
   */
  async channel(path: string, token: UpgradeToken, signal?: AbortSignal): Promise<Socket> {
    const either = anyOf(this.#signal, signal);
    return this.#bounded(either, this.#times.channel, async (bound, connection) => {
      const headers = { ...(await connection.credentials()), connection: 'Upgrade', upgrade: token };
      const request = connection.request(asked({ method: 'GET', path, headers, signal: bound }));
      request.end();
      const upgraded = new Promise<Upgraded>((resolve) => {
        request.on('upgrade', (response: IncomingMessage, socket: Socket, head: Uint8Array) => {
          // Node's agent has left its idle timer on the connection, and a program may be silent for long.
          socket.setTimeout(0);
          if (head.length > 0) socket.unshift(head);
          resolve({ socket, token: response.headers.upgrade });
        });
      });
      const first = await Promise.race([upgraded, responseOf(request)]);
      if (!('socket' in first && 'token' in first)) throw await this.#problemIn(first, connection);
      if (first.token === token) return first.socket;
      first.socket.destroy();
      throw clientProblem('client/host-answer', { expected: `an upgrade to ${token}` });
    });
  }

  /** What the host says, which nobody vouches for, with its number for the request. Why it does not know us the connection can tell. */
  async #problemIn(response: IncomingMessage, connection: HostConnection): Promise<EnarxError> {
    const { statusCode = 0 } = response;
    if (statusCode < 400) {
      response.destroy();
      return clientProblem('client/host-answer', { found: `status ${String(statusCode)}` });
    }
    try {
      requireType(response, problemContentType);
    } catch (error) {
      return clientProblem('client/host-answer', {
        found: `status ${String(statusCode)} without problem details`,
        cause: error,
      });
    }
    const bytes = await readBody(response, maxProblemBytes);
    this.#tap?.('received', 'problem', bytes);
    const reported = new ReportedError('host', decodeProblem(bytes), requestNumberOf(response));
    return statusCode === 401 ? connection.unauthenticated(reported) : reported;
  }

  /** Gives an action a signal that aborts it when the time is over or the caller calls it off, and names what happened. */
  async #bounded<T>(
    signal: AbortSignal | undefined,
    milliseconds: number,
    action: (signal: AbortSignal, connection: HostConnection) => Promise<T>,
  ): Promise<T> {
    const timeout = new AbortController();
    const timer = setTimeout(() => {
      timeout.abort();
    }, milliseconds);
    let connection: HostConnection | undefined;
    try {
      signal?.throwIfAborted();
      connection = await (this.#connecting ??= connectionTo(this.#address, this.#access));
      return await action(anyOf(signal, timeout.signal) as AbortSignal, connection);
    } catch (error) {
      if (signal?.aborted === true) throw clientProblem('client/aborted', { cause: signal.reason });
      if (timeout.signal.aborted)
        throw clientProblem('client/host-timeout', {
          expected: `an answer within ${String(milliseconds)} ms`,
        });
      if (error instanceof EnarxError) throw error;
      const failed = error as NodeJS.ErrnoException;
      throw connection?.failure(failed, error) ?? asConnectionProblem(failed);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What the host calls its number is shown to people, so it is nothing else. */
function requestNumberOf({ headers }: IncomingMessage): string | undefined {
  const number = headers['request-id'];
  return typeof number === 'string' && /^[0-9a-f]{16}$/.test(number) ? number : undefined;
}

/** No answer has a head that is larger. */
function asked(options: {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string | number>;
  readonly signal: AbortSignal;
}): typeof options & { readonly maxHeaderSize: number } {
  return { ...options, maxHeaderSize: largestHead };
}

/** The first that is given, or one that aborts when either does. */
export function anyOf(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return AbortSignal.any([one, other]);
}

function asConnectionProblem(error: NodeJS.ErrnoException): EnarxError {
  const { code = '', message } = error;
  if (code.startsWith('HPE_')) return clientProblem('client/host-answer', { found: code, cause: error });
  if (code === 'ECONNRESET' || code === 'EPIPE')
    return clientProblem('client/host-gone', { found: code, cause: error });
  return clientProblem('client/host-unreachable', { found: message, cause: error });
}

/** Leaves errors as they are: {@link HostApi} knows whether it was the time, the caller or the host. */
function responseOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
    // Without an error where the host answers with an upgrade that nobody asked for.
    request.on('close', () => {
      reject(clientProblem('client/host-gone'));
    });
  });
}

/**
 * Looser on purpose than what a channel asks of a Keep: a proxy may stand before a host, and media types are the same in any case (RFC 9110
 * section 8.3.1). The connection is ended: what is no message of ours is not read.
 */
function requireType(response: IncomingMessage, type: string): void {
  const { 'content-type': found, 'content-encoding': encoding } = response.headers;
  if (found?.trim().toLowerCase() === type && encoding === undefined) return;
  response.destroy();
  throw clientProblem('client/host-answer', {
    found: `content type ${found ?? 'none'}${encoding === undefined ? '' : ` in ${encoding}`}`,
    expected: type,
  });
}

async function readBody(response: IncomingMessage, most: number): Promise<Uint8Array> {
  const body = await collectBytes(response as AsyncIterable<Uint8Array>, most);
  if (body !== undefined) return body;
  throw clientProblem('client/host-answer', {
    found: 'a larger body',
    expected: `at most ${String(most)} bytes`,
  });
}
