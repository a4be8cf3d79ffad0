// SPDX-License-Identifier: Apache-2.0
//
// wasi:http/outgoing-handler 0.2: requests to what the list of descriptors names, each on a connection of its own. The supervisor speaks TLS and makes sure of
// the other end; HTTP is Node's, in this process.
import type { ClientRequest, IncomingMessage } from 'node:http';

import { ConnectionStream } from '../../runner/connection-stream.ts';
import type { Connection } from '../../wasi/connection.ts';
import { ResultError, type ComponentHost } from '../host.ts';
import { Pollable } from '../io.ts';
import type { Dialling } from '../network.ts';
import { codeOfError, codeOfRefusal, type ErrorCode } from './error-code.ts';
import { Fields } from './fields.ts';
import { IncomingBody } from './incoming-body.ts';
import { http } from './node-http.ts';
import { methodName, type OutgoingRequest, type RequestOptions, type Scheme } from './outgoing-message.ts';

const nanosecondsPerMillisecond = 1_000_000n;
const longestTimer = 2_147_483_647n;
/** Milliseconds for each step of a request whose component does not say how long it waits. */
const longestStep = 60_000;
/** Bytes of the head of a response. */
const largestHead = 65_536;

function refuse(code: ErrorCode): never {
  throw new ResultError(code);
}

/** Resource `incoming-response`. */
export class IncomingResponse {
  readonly #host: ComponentHost;
  readonly #message: IncomingMessage;
  #body: IncomingBody | undefined;

  constructor(host: ComponentHost, message: IncomingMessage) {
    this.#host = host;
    this.#message = message;
  }

  [Symbol.dispose](): void {
    if (this.#body === undefined) this.#message.destroy();
  }

  status(): number {
    return this.#message.statusCode ?? 0;
  }

  headers(): Fields {
    return Fields.received(this.#message.rawHeaders);
  }

  consume(): IncomingBody {
    if (this.#body !== undefined) throw new ResultError(undefined);
    // Nobody wants the rest: the connection is the request's own.
    this.#body = new IncomingBody(this.#host, this.#message, (message) => message.destroy());
    return this.#body;
  }
}

type Outcome =
  { readonly tag: 'ok'; readonly val: IncomingResponse } | { readonly tag: 'err'; readonly val: ErrorCode };

/** Resource `future-incoming-response`. */
export class FutureIncomingResponse {
  readonly #host: ComponentHost;
  #outcome: Outcome | undefined;
  #given = false;
  readonly #dropped: () => void;

  constructor(host: ComponentHost, dropped: () => void) {
    this.#host = host;
    this.#dropped = dropped;
  }

  [Symbol.dispose](): void {
    if (!this.#given) this.#dropped();
  }

  settle(outcome: Outcome): void {
    this.#outcome ??= outcome;
    this.#host.wake();
  }

  fail(code: ErrorCode): void {
    this.settle({ tag: 'err', val: code });
  }

  subscribe(): Pollable {
    return new Pollable(this.#host, () => (this.#outcome === undefined ? undefined : 0));
  }

  get(): object | undefined {
    if (this.#outcome === undefined) return undefined;
    if (this.#given) return { tag: 'err', val: undefined };
    this.#given = true;
    return { tag: 'ok', val: this.#outcome };
  }
}

export function handleOutgoing(
  host: ComponentHost,
  request: OutgoingRequest,
  options: RequestOptions | undefined,
): FutureIncomingResponse {
  const authority = request.authority() ?? refuse({ tag: 'HTTP-request-URI-invalid' });
  const tls = usesTls(request.scheme());
  const { hostname, port } = split(authority, tls);
  const file = host.network.find(hostname, port, tls) ?? refuse({ tag: 'HTTP-request-denied' });
  const exchange = new Exchange(host, request, options);
  exchange.begin(file);
  return exchange.future;
}

/** One request and its response. */
class Exchange {
  readonly future: FutureIncomingResponse;
  readonly #host: ComponentHost;
  readonly #request: OutgoingRequest;
  readonly #options: RequestOptions | undefined;
  readonly #forget: () => void;
  #dialling: Dialling | undefined;
  #sending: ClientRequest | undefined;
  #timer: NodeJS.Timeout | undefined;
  #answering = false;
  #over = false;

  constructor(host: ComponentHost, request: OutgoingRequest, options: RequestOptions | undefined) {
    this.#host = host;
    this.#request = request;
    this.#options = options;
    const abort = (): void => {
      this.#abort({ tag: 'connection-terminated' });
    };
    this.future = new FutureIncomingResponse(host, abort);
    this.#forget = host.onEnd(abort);
  }

  begin(file: number): void {
    this.#within(this.#options?.connectTimeout(), { tag: 'connection-timeout' });
    this.#dialling = this.#host.network.dial(file, () => {
      this.#dialled();
    });
    this.#dialled();
  }

  #dialled(): void {
    const outcome = this.#dialling?.outcome;
    if (outcome === undefined) return;
    this.#dialling = undefined;
    if (typeof outcome === 'string') this.#abort(codeOfRefusal(outcome));
    else if (this.#over) outcome.close();
    else this.#send(outcome);
  }

  #send(connection: Connection): void {
    const request = this.#request;
    const method = methodName(request.method());
    const sending = http().request({
      method,
      path: request.pathWithQuery() ?? '/',
      headers: this.#headers(method),
      maxHeaderSize: largestHead,
      createConnection: () => new ConnectionStream(connection, false),
    });
    this.#sending = sending;
    this.#within(this.#options?.firstByteTimeout(), { tag: 'HTTP-response-timeout' });
    // From the response on, that one tells whether it came whole.
    sending.on('error', (error) => {
      if (!this.#answering) this.#abort(codeOfError(error));
    });
    sending.on('close', () => {
      if (!this.#answering) this.#abort({ tag: 'connection-terminated' });
    });
    sending.on('response', (message: IncomingMessage) => {
      this.#answered(message);
    });
    sending.on('upgrade', () => {
      this.#abort({ tag: 'HTTP-upgrade-failed' });
    });
    const { sink } = request;
    if (sink === undefined) sending.end();
    else sink.attach(sending);
  }

  #answered(message: IncomingMessage): void {
    this.#answering = true;
    this.#host.progress();
    const between = this.#options?.betweenBytesTimeout();
    const wait = (): void => {
      this.#within(between, { tag: 'connection-read-timeout' }, () => message.destroy());
    };
    wait();
    message.on('readable', wait);
    message.once('close', () => {
      this.#over = true;
      clearTimeout(this.#timer);
      this.#forget();
    });
    this.future.settle({ tag: 'ok', val: new IncomingResponse(this.#host, message) });
  }

  /** Node adds what frames the body, unless the component has said its length. */
  #headers(method: string): string[] {
    const { sentFields, sink } = this.#request;
    const authority = this.#request.authority() as string;
    const headers = ['Host', authority, 'Connection', 'close', ...sentFields.raw];
    if (sink === undefined || sentFields.contentLength !== undefined) {
      const bodyless = sink === undefined && ['POST', 'PUT', 'PATCH'].includes(method);
      return bodyless && !sentFields.has('content-length') ? [...headers, 'Content-Length', '0'] : headers;
    }
    return [...headers, 'Transfer-Encoding', 'chunked'];
  }

  #within(duration: bigint | undefined, code: ErrorCode, passed?: () => void): void {
    clearTimeout(this.#timer);
    const given = duration === undefined ? BigInt(longestStep) : duration / nanosecondsPerMillisecond;
    const milliseconds = Number(given > longestTimer ? longestTimer : given);
    this.#timer = setTimeout(() => {
      passed?.();
      this.#abort(code);
    }, milliseconds);
  }

  #abort(code: ErrorCode): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#forget();
    this.#dialling?.cancel();
    this.#sending?.destroy();
    this.#request.sink?.fail();
    this.future.fail(code);
  }
}

function usesTls(scheme: Scheme | undefined): boolean {
  if (scheme === undefined || scheme.tag === 'HTTPS') return true;
  return scheme.tag === 'HTTP' ? false : refuse({ tag: 'HTTP-protocol-error' });
}

function split(authority: string, tls: boolean): { readonly hostname: string; readonly port: number } {
  const [, bracketed, bare, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(authority) ?? [];
  const hostname = bracketed ?? bare ?? refuse({ tag: 'HTTP-request-URI-invalid' });
  return { hostname, port: port === undefined ? (tls ? 443 : 80) : Number(port) };
}
