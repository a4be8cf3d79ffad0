// SPDX-License-Identifier: Apache-2.0
//
// Serves a component that answers HTTP requests. The supervisor holds listeners and TLS; here arrive plain bytes, HTTP is parsed beside the program that
// it is for, and nobody is harmed but the program's own visitors when that goes wrong. Each request has an instance of its own, so that nothing of one visitor
// is left for the next.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import { http } from '../component/http/node-http.ts';
import type { ComponentNetwork } from '../component/network.ts';
import type { IncomingRequest, ResponseOutparam } from '../component/http/incoming-message.ts';
import type { ComponentHost } from '../component/host.ts';
import { ConnectionStream } from './connection-stream.ts';
import { HttpExchange, refuse, type HandlerProblem } from './http-exchange.ts';
import { InstancePool } from './instance-pool.ts';
import { Pipelines, type Asked } from './pipelines.ts';

/** An instance of a component that has answered nothing yet. */
export interface HandlerInstance {
  readonly host: ComponentHost;
  handle(request: IncomingRequest, outparam: ResponseOutparam): Promise<void>;
  /** Ends whatever it waits for, and gives back what it holds. */
  end(): void;
  /** It has asked to exit. */
  readonly exited: boolean;
  /** Called by `progress` of its host. */
  onProgress: () => void;
}

export interface HttpServerOptions {
  readonly network: ComponentNetwork;
  readonly instantiate: () => Promise<HandlerInstance>;
  /** Milliseconds that a request may go without headway. */
  readonly longestSilence: number;
  /** Requests that are answered at once. */
  readonly most: number;
  /** Connections at once. */
  readonly connections: number;
  /** A handler trapped; for the owner. */
  readonly trapped: (error: unknown) => void;
}

/** Requests that wait until there is an instance. */
const mostWaiting = 256;
/** Bytes of the head of a request. */
const largestHead = 65_536;
/** Milliseconds: for a head, for a whole request and without a byte in either direction, and between two requests on a connection. */
const headTime = 30_000;
const requestTime = 300_000;
const keepAliveTime = 30_000;
/** Milliseconds between two looks at those times. */
const lookTime = 5_000;
/** Milliseconds without headway once a client has no more to say: it may listen still, or be gone, and nothing on the way tells which. */
const halfClosedTime = 5_000;
/** To CONNECT, which asks for a way to elsewhere and not for an answer. */
const noTunnel = 'HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #waiting: Asked[] = [];
  #connections = 0;
  #running = 0;
  readonly #instances: InstancePool<HandlerInstance>;

  /** @param first - an instance that is there already */
  constructor(options: HttpServerOptions, first: HandlerInstance) {
    this.#options = options;
    this.#instances = new InstancePool(options.instantiate, first, options.most);
    const mostHeadTime = Math.min(headTime, options.longestSilence);
    this.#server = http().createServer({
      maxHeaderSize: largestHead,
      headersTimeout: mostHeadTime,
      requestTimeout: requestTime,
      keepAliveTimeout: keepAliveTime,
      connectionsCheckingInterval: Math.min(lookTime, mostHeadTime),
    });
    // Node looks at the times only when a server listens. This one is handed its connections, and those who say nothing would keep them for ever.
    this.#server.emit('listening');
    // Nor does a visitor keep his place who asks, and then does not read.
    this.#server.timeout = Math.max(requestTime, options.longestSilence);
    // A client that has no more to say may still listen.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    const pipelines = new Pipelines((asked) => {
      this.#take(asked);
    });
    this.#server.on('request', (message: IncomingMessage, response: ServerResponse) => {
      pipelines.add({ message, response });
    });
    this.#server.on('connect', (_message: IncomingMessage, stream: Duplex) => {
      stream.on('error', () => undefined).end(noTunnel, () => stream.destroy());
    });
    for (const [file, listener] of options.network.listeners) {
      const accept = (): void => {
        while (this.#connections < options.connections) {
          const connection = listener.take();
          if (connection === undefined) return;
          this.#connections += 1;
          const stream = new ConnectionStream(connection, file.tls);
          stream.once('close', () => {
            this.#connections -= 1;
            accept();
          });
          this.#server.emit('connection', stream);
        }
      };
      listener.changed = accept;
      accept();
    }
  }

  #take(asked: Asked): void {
    if (hosts(asked.message) > 1) {
      refuse(asked.response, 'handler/host-ambiguous');
      return;
    }
    if (this.#running < this.#options.most) {
      void this.#answer(asked);
      return;
    }
    if (this.#waiting.length >= mostWaiting) {
      refuse(asked.response, 'handler/busy');
      return;
    }
    this.#waiting.push(asked);
    setTimeout(() => {
      const at = this.#waiting.indexOf(asked);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      refuse(asked.response, 'handler/busy');
    }, this.#options.longestSilence).unref();
  }

  async #answer({ message, response }: Asked): Promise<void> {
    this.#running += 1;
    try {
      if (!response.destroyed) await this.#handle(message, response);
    } finally {
      this.#running -= 1;
      const next = this.#waiting.shift();
      if (next !== undefined) this.#take(next);
    }
  }

  async #handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      let instance: HandlerInstance;
      try {
        instance = await this.#instances.take();
      } catch (error) {
        this.#options.trapped(error);
        refuse(response, 'handler/trapped');
        return;
      }
      await this.#exchange(instance, message, response);
    } finally {
      this.#instances.done();
    }
  }

  async #exchange(
    instance: HandlerInstance,
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const exchange = new HttpExchange(instance.host, message, response);
    let over = false;
    let problem: HandlerProblem = 'handler/no-response';
    const giveUp = (): void => {
      over = true;
      instance.end();
    };
    const { longestSilence } = this.#options;
    const passed = (): void => {
      exchange.over('handler/timeout');
      giveUp();
    };
    let timer = setTimeout(passed, longestSilence);
    const isOver = (): boolean => over;
    const stream = message.socket as unknown as ConnectionStream;
    const halfClosed = (): void => {
      clearTimeout(timer);
      timer = setTimeout(passed, Math.min(longestSilence, halfClosedTime));
    };
    if (stream.readableEnded) halfClosed();
    else stream.once('end', halfClosed);
    // Nobody is left to answer. Or those who ask and go would take all places from those who stay.
    response.once('close', () => {
      if (!response.writableFinished) giveUp();
    });
    instance.onProgress = () => timer.refresh();
    try {
      await instance.handle(exchange.request, exchange.outparam);
    } catch (error) {
      // What is ended here ends with a trap, too.
      if (!isOver() && !instance.exited) {
        problem = 'handler/trapped';
        this.#options.trapped(error);
      }
    } finally {
      clearTimeout(timer);
      stream.off('end', halfClosed);
      exchange.over(problem);
      instance.end();
    }
  }
}

/** RFC 9112, 3.2: of a request with two the parties on its way may take different ones for its target. Node takes the first and is silent. */
function hosts({ rawHeaders }: IncomingMessage): number {
  return rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
}
