// SPDX-License-Identifier: Apache-2.0
import type { ComponentHost, Interface } from '../host.ts';
import type { IoError } from '../io.ts';
import { HttpFailure, type ErrorCode } from './error-code.ts';
import { Fields } from './fields.ts';
import { FutureTrailers, IncomingBody } from './incoming-body.ts';
import { IncomingRequest, ResponseOutparam } from './incoming-message.ts';
import { FutureIncomingResponse, handleOutgoing, IncomingResponse } from './outgoing-handler.ts';
import { OutgoingBody } from './outgoing-body.ts';
import { OutgoingRequest, OutgoingResponse, RequestOptions } from './outgoing-message.ts';

/** wasi:http 0.2, less its `incoming-handler`, which components export. */
export function httpInterfaces(
  host: ComponentHost,
): Readonly<Record<'wasi:http/types' | 'wasi:http/outgoing-handler', Interface>> {
  return {
    'wasi:http/types': {
      Fields,
      FutureIncomingResponse,
      FutureTrailers,
      IncomingBody,
      IncomingRequest,
      IncomingResponse,
      OutgoingBody,
      // The generated code makes these by their constructors, which the component calls with headers alone.
      OutgoingRequest: class extends OutgoingRequest {
        constructor(headers: Fields) {
          super(host, headers);
        }
      },
      OutgoingResponse: class extends OutgoingResponse {
        constructor(headers: Fields) {
          super(host, headers);
        }
      },
      RequestOptions,
      ResponseOutparam,
      httpErrorCode: ({ cause }: IoError): ErrorCode | undefined =>
        cause instanceof HttpFailure ? cause.code : undefined,
    },
    'wasi:http/outgoing-handler': {
      handle: (request: OutgoingRequest, options: RequestOptions | undefined) =>
        handleOutgoing(host, request, options),
    },
  };
}
