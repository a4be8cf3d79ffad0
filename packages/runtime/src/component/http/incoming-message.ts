// SPDX-License-Identifier: Apache-2.0
//
// What a component that answers requests is handed: resources `incoming-request` and `response-outparam` of wasi:http/types 0.2.
import type { IncomingMessage } from 'node:http';

import { ResultError, type ComponentHost } from '../host.ts';
import type { ErrorCode } from './error-code.ts';
import { Fields } from './fields.ts';
import { IncomingBody } from './incoming-body.ts';
import { methodOf, type Method, type OutgoingResponse, type Scheme } from './outgoing-message.ts';

/** Resource `incoming-request`. */
export class IncomingRequest {
  readonly #host: ComponentHost;
  readonly #message: IncomingMessage;
  readonly #tls: boolean;
  #consumed = false;

  constructor(host: ComponentHost, message: IncomingMessage, tls: boolean) {
    this.#host = host;
    this.#message = message;
    this.#tls = tls;
  }

  [Symbol.dispose](): void {
    // What is left of the message is passed over when the response is out.
  }

  method(): Method {
    return methodOf(this.#message.method ?? 'GET');
  }

  pathWithQuery(): string | undefined {
    const { url = '' } = this.#message;
    return absolute(url)?.path ?? url;
  }

  scheme(): Scheme {
    return { tag: this.#tls ? 'HTTPS' : 'HTTP' };
  }

  /** Of an absolute target, or else the field `host` (RFC 9112 section 3.3). */
  authority(): string | undefined {
    return absolute(this.#message.url ?? '')?.authority ?? this.#message.headers.host;
  }

  headers(): Fields {
    return Fields.received(this.#message.rawHeaders);
  }

  consume(): IncomingBody {
    if (this.#consumed) throw new ResultError(undefined);
    this.#consumed = true;
    return new IncomingBody(this.#host, this.#message, (message) => message.resume());
  }
}

export type Answer =
  { readonly tag: 'ok'; readonly val: OutgoingResponse } | { readonly tag: 'err'; readonly val: ErrorCode };

/** Resource `response-outparam`: takes one answer. */
export class ResponseOutparam {
  readonly #answer: (answer: Answer) => void;

  static set(outparam: ResponseOutparam, answer: Answer): void {
    outparam.#answer(answer);
  }

  constructor(answer: (answer: Answer) => void) {
    this.#answer = answer;
  }

  [Symbol.dispose](): void {
    // One that is dropped without an answer is noticed when the handler returns.
  }

  /** Node writes `100 Continue` by itself; others no client waits for. */
  sendInformational(): void {
    throw new ResultError<ErrorCode>({ tag: 'internal-error', val: 'not supported' });
  }
}

function absolute(target: string): { readonly authority: string; readonly path: string } | undefined {
  const [, authority, path] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target) ?? [];
  if (authority === undefined || path === undefined) return undefined;
  return { authority, path: path.startsWith('/') ? path : `/${path}` };
}
