// SPDX-License-Identifier: Apache-2.0
import type { Readable, Writable } from 'node:stream';

/** Standard input of a program: Node's streams and the web's are both such iterables. It is not read before the program reads. */
export type InputSource =
  AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string> | Readable | ReadableStream<Uint8Array>;

/** Where output goes. It is not ended with the program. `discard` is spelt out, so that none is lost by omission. */
export type OutputTarget =
  Writable | WritableStream<Uint8Array> | ((chunk: Uint8Array) => void | Promise<void>) | 'discard';

/** Takes one chunk; the next comes when the promise resolves. */
export interface Sink {
  write(chunk: Uint8Array): Promise<void>;
  /** Nothing more comes. */
  release(): void;
}

export function sinkFor(target: OutputTarget): Sink {
  if (target === 'discard') return { write: () => Promise.resolve(), release: () => undefined };
  if (typeof target === 'function')
    return {
      write: async (chunk) => {
        await target(chunk);
      },
      release: () => undefined,
    };
  return 'getWriter' in target ? webSink(target) : nodeSink(target);
}

function webSink(target: WritableStream<Uint8Array>): Sink {
  const writer = target.getWriter();
  // The failure of a write says the same.
  writer.closed.catch(() => undefined);
  return {
    write: (chunk) => writer.write(chunk),
    release: () => {
      writer.releaseLock();
    },
  };
}

function nodeSink(target: Writable): Sink {
  // Without a listener a reader that has gone (EPIPE) would end the process.
  const ignore = (): void => undefined;
  target.on('error', ignore);
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => {
        target.write(chunk, (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
    release: () => {
      // Left for a moment: an error may still be on its way.
      setImmediate(() => target.off('error', ignore));
    },
  };
}

/** One chunk after another, as bytes. */
export class Source {
  readonly #input: InputSource;
  #iterator: AsyncIterator<Uint8Array | string> | Iterator<Uint8Array | string> | undefined;

  constructor(input: InputSource) {
    this.#input = input;
  }

  /** @returns `undefined` at its end */
  async next(): Promise<Uint8Array | undefined> {
    const input = this.#input as AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;
    this.#iterator ??=
      Symbol.asyncIterator in input ? input[Symbol.asyncIterator]() : input[Symbol.iterator]();
    const result = await this.#iterator.next();
    if (result.done === true) return undefined;
    return typeof result.value === 'string' ? Buffer.from(result.value) : result.value;
  }

  /** The rest is not wanted. Does not wait for whoever may never answer, such as a terminal. */
  giveUp(): void {
    const input = this.#input;
    if ('destroy' in input) input.destroy();
    else if (this.#iterator !== undefined)
      void Promise.resolve(this.#iterator.return?.()).catch(() => undefined);
  }
}
