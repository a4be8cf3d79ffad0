// SPDX-License-Identifier: Apache-2.0
//
// What a component sends: requests and responses of wasi:http/types 0.2 until they are on their way.
import { ResultError, type ComponentHost } from '../host.ts';
import type { Fields } from './fields.ts';
import { OutgoingBody, type BodySink, type Direction } from './outgoing-body.ts';

export interface Method {
  readonly tag: string;
  readonly val?: string;
}
export interface Scheme {
  readonly tag: 'HTTP' | 'HTTPS' | 'other';
  readonly val?: string;
}

const knownMethods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];
const methodToken = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What may stand in a request line and in a field value without changing what follows. */
const printable = /^[\x21-\x7e\x80-\xff]+$/;
const authorityPattern = /^(?:\[[0-9a-fA-F:.]+\]|[^\s/?#@:[\]]+)(?::\d{1,5})?$/;
const leastStatus = 200;
const mostStatus = 599;

export function methodOf(name: string): Method {
  return knownMethods.includes(name) ? { tag: name.toLowerCase() } : { tag: 'other', val: name };
}

export function methodName({ tag, val }: Method): string {
  return val ?? tag.toUpperCase();
}

/** `result` without a payload: it failed. */
function refuse(): never {
  throw new ResultError(undefined);
}

/** What requests and responses have in common: headers, and one body. */
abstract class OutgoingMessage {
  protected readonly fields: Fields;
  readonly #host: ComponentHost;
  readonly #direction: Direction;
  #body: OutgoingBody | undefined;

  constructor(host: ComponentHost, headers: Fields, direction: Direction) {
    this.#host = host;
    this.#direction = direction;
    this.fields = headers;
  }

  [Symbol.dispose](): void {
    // A body that was taken lives on by itself.
  }

  headers(): Fields {
    return this.fields.view();
  }

  body(): OutgoingBody {
    if (this.#body !== undefined) refuse();
    this.#body = new OutgoingBody(this.#host, this.fields, this.#direction);
    return this.#body;
  }

  /** `undefined` where the component never asked for its body, so that there is none. */
  get sink(): BodySink | undefined {
    return this.#body?.sink;
  }

  get sentFields(): Fields {
    return this.fields;
  }
}

/** Resource `outgoing-response`. */
export class OutgoingResponse extends OutgoingMessage {
  #status = leastStatus;

  constructor(host: ComponentHost, headers: Fields) {
    super(host, headers, 'response');
  }

  statusCode(): number {
    return this.#status;
  }

  setStatusCode(status: number): void {
    if (status < leastStatus || status > mostStatus) refuse();
    this.#status = status;
  }
}

/** Resource `outgoing-request`. */
export class OutgoingRequest extends OutgoingMessage {
  #method: Method = { tag: 'get' };
  #path: string | undefined;
  #scheme: Scheme | undefined;
  #authority: string | undefined;

  constructor(host: ComponentHost, headers: Fields) {
    super(host, headers, 'request');
  }

  method(): Method {
    return this.#method;
  }

  setMethod(method: Method): void {
    if (method.tag === 'other' && !methodToken.test(method.val ?? '')) refuse();
    this.#method = method;
  }

  pathWithQuery(): string | undefined {
    return this.#path;
  }

  setPathWithQuery(path: string | undefined): void {
    if (path !== undefined && path !== '' && !printable.test(path)) refuse();
    this.#path = path;
  }

  scheme(): Scheme | undefined {
    return this.#scheme;
  }

  setScheme(scheme: Scheme | undefined): void {
    this.#scheme = scheme;
  }

  authority(): string | undefined {
    return this.#authority;
  }

  setAuthority(authority: string | undefined): void {
    if (authority !== undefined && !authorityPattern.test(authority)) refuse();
    this.#authority = authority;
  }
}

/** Resource `request-options`. Times are nanoseconds. */
export class RequestOptions {
  #connect: bigint | undefined;
  #firstByte: bigint | undefined;
  #betweenBytes: bigint | undefined;

  [Symbol.dispose](): void {
    // There is nothing to give back.
  }

  connectTimeout(): bigint | undefined {
    return this.#connect;
  }

  setConnectTimeout(duration: bigint | undefined): void {
    this.#connect = duration;
  }

  firstByteTimeout(): bigint | undefined {
    return this.#firstByte;
  }

  setFirstByteTimeout(duration: bigint | undefined): void {
    this.#firstByte = duration;
  }

  betweenBytesTimeout(): bigint | undefined {
    return this.#betweenBytes;
  }

  setBetweenBytesTimeout(duration: bigint | undefined): void {
    this.#betweenBytes = duration;
  }
}
