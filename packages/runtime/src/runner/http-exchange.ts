// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage, ServerResponse } from 'node:http';

import { statusOf, type ErrorCode } from '../component/http/error-code.ts';
import { IncomingRequest, ResponseOutparam, type Answer } from '../component/http/incoming-message.ts';
import type { OutgoingResponse } from '../component/http/outgoing-message.ts';
import type { ComponentHost } from '../component/host.ts';
import type { ConnectionStream } from './connection-stream.ts';

/** Bytes of the head of a response; clients take no more. */
const largestHead = 65_536;

/** Why a request is answered by the Keep and not by its handler. Visitors are told this and no more. */
export const handlerProblems = {
  'handler/host-ambiguous': { status: 400, title: 'The request names more than one host' },
  'handler/trapped': { status: 500, title: 'The handler trapped' },
  'handler/no-response': { status: 500, title: 'The handler returned without a response' },
  'handler/incomplete': { status: 500, title: 'The handler gave its response up before it began' },
  'handler/failed': { status: 500, title: 'The handler answered with an error' },
  'handler/response-too-large': { status: 500, title: 'The head of the response is too large' },
  'handler/timeout': { status: 504, title: 'The handler made no headway in time' },
  'handler/busy': { status: 503, title: 'All handlers are busy' },
} as const;
export type HandlerProblem = keyof typeof handlerProblems;

/** What a handler does to one request, in which order whatever. */
export class HttpExchange {
  readonly request: IncomingRequest;
  readonly outparam: ResponseOutparam;
  readonly #response: ServerResponse;
  #answered = false;
  /** Whether something of the response may be on its way. */
  #begun = false;
  #over = false;

  constructor(host: ComponentHost, message: IncomingMessage, response: ServerResponse) {
    this.#response = response;
    const { tls } = message.socket as unknown as ConnectionStream;
    this.request = new IncomingRequest(host, message, tls);
    this.outparam = new ResponseOutparam((answer) => {
      host.progress();
      this.#answer(answer);
    });
  }

  /** The handler is over, of itself or not: what it owes is made good as far as that can still be done. */
  over(problem: HandlerProblem): void {
    const response = this.#response;
    this.#over = true;
    if (!this.#answered) {
      this.#answered = true;
      refuse(response, problem);
    }
    // The client is to see that it is not whole. A body that was finished has ended its message.
    else if (this.#begun && !response.writableEnded) response.destroy();
  }

  #answer(answer: Answer): void {
    // Its time is over.
    if (this.#answered) return;
    this.#answered = true;
    const response = this.#response;
    if (answer.tag === 'err') {
      this.#begun = true;
      refuse(response, 'handler/failed', answer.val);
      return;
    }
    // In a moment: what the handler has written by then goes out with the head, and one that gives up before that is still answered for.
    setImmediate(() => {
      this.#begin(answer.val);
    });
  }

  #begin(answer: OutgoingResponse): void {
    this.#begun = true;
    const response = this.#response;
    const { sink } = answer;
    if (answer.sentFields.size > largestHead) {
      sink?.fail();
      refuse(response, 'handler/response-too-large');
    } else if (sink?.state === 'failed' || (sink?.state === 'open' && this.#over)) {
      sink.fail();
      refuse(response, 'handler/incomplete');
    } else if (response.destroyed) {
      sink?.fail();
    } else {
      head(response, answer);
      if (sink === undefined) response.end();
      else {
        sink.attach(response);
        // A client that waits for the head gets it, also where the body begins much later.
        if (!response.writableEnded) response.flushHeaders();
      }
    }
  }
}

function head(response: ServerResponse, answer: OutgoingResponse): void {
  const { sentFields, sink } = answer;
  const whole = sink === undefined && !sentFields.has('content-length');
  const fields = whole ? [...sentFields.raw, 'Content-Length', '0'] : sentFields.raw;
  response.writeHead(answer.statusCode(), fields);
}

/** Answers in the Keep's own name, by a problem of RFC 9457. */
export function refuse(response: ServerResponse, problem: HandlerProblem, code?: ErrorCode): void {
  if (response.destroyed || response.headersSent) {
    response.destroy();
    return;
  }
  const { status, title } = handlerProblems[problem];
  const chosen = code === undefined ? status : statusOf(code);
  const body = JSON.stringify({
    type: `urn:enarx:${problem}`,
    title,
    status: chosen,
    ...(code === undefined ? {} : { code: code.tag }),
  });
  response.writeHead(chosen, {
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
    ...(problem === 'handler/busy' ? { 'retry-after': '1' } : {}),
  });
  response.end(body);
}
