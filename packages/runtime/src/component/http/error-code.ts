// SPDX-License-Identifier: Apache-2.0
import type { DialRefusal } from '../../runner-frames.ts';
import { errnoNumber, WasiError } from '../../wasi/errno.ts';

/** Variant `error-code` of wasi:http/types 0.2. */
export interface ErrorCode {
  readonly tag: string;
  readonly val?: unknown;
}

/** Why a stream of a body failed: what `http-error-code` finds in the stream's error. */
export class HttpFailure extends WasiError {
  readonly code: ErrorCode;

  constructor(code: ErrorCode) {
    super(errnoNumber('io'), 'io');
    this.code = code;
    this.message = code.tag;
  }
}

const refusals: Readonly<Record<DialRefusal, ErrorCode>> = {
  'not-allowed': { tag: 'HTTP-request-denied' },
  'name-unknown': { tag: 'DNS-error', val: { rcode: 'name unknown', infoCode: undefined } },
  refused: { tag: 'connection-refused' },
  unreachable: { tag: 'destination-IP-unroutable' },
  timeout: { tag: 'connection-timeout' },
  'tls-untrusted': { tag: 'TLS-certificate-error' },
  'tls-failed': { tag: 'TLS-protocol-error' },
  'too-many': { tag: 'connection-limit-reached' },
  failed: { tag: 'destination-unavailable' },
};

export function codeOfRefusal(reason: DialRefusal): ErrorCode {
  return refusals[reason];
}

/** What Node's HTTP says of a connection or a message. */
export function codeOfError(error: NodeJS.ErrnoException): ErrorCode {
  const { code = '' } = error;
  if (code === 'HPE_HEADER_OVERFLOW') return { tag: 'HTTP-response-header-section-size', val: undefined };
  if (code.startsWith('HPE_')) return { tag: 'HTTP-protocol-error' };
  return { tag: 'connection-terminated' };
}

const statuses: Readonly<Record<string, number>> = {
  'HTTP-request-denied': 403,
  'HTTP-request-length-required': 411,
  'HTTP-request-body-size': 413,
  'HTTP-request-URI-too-long': 414,
  'HTTP-request-method-invalid': 405,
  'HTTP-request-URI-invalid': 400,
  'HTTP-request-header-section-size': 431,
  'HTTP-request-header-size': 431,
  'DNS-timeout': 504,
  'connection-timeout': 504,
  'connection-read-timeout': 504,
  'connection-write-timeout': 504,
  'HTTP-response-timeout': 504,
};
const upstream = /^(?:DNS|TLS|connection|destination|HTTP-response|HTTP-protocol|HTTP-upgrade)-/;

/** The status by which a client is told of the error with which a handler answered. */
export function statusOf({ tag }: ErrorCode): number {
  return statuses[tag] ?? (upstream.test(tag) ? 502 : 500);
}
