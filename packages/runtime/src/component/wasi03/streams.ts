// SPDX-License-Identifier: Apache-2.0
//
// Streams and futures of WASI 0.3 over the streams of WASI 0.2. The generated code takes any asynchronous iterator for a stream and any promise for a future;
// what the component writes it gives as an object that is read piece by piece.
import { WasiError } from '../../wasi/errno.ts';
import { ResultError } from '../host.ts';
import { Pollable, type InputStream, type IoError, type OutputStream } from '../io.ts';

/** Bytes of one piece. */
const largestPiece = 65_536;
/** Milliseconds: more than the one after which the generated code looks again for what the component has written. */
const nextLook = 3;

/** What the future beside a stream holds: how the stream ended. */
export type Outcome<E> = { readonly tag: 'ok' } | { readonly tag: 'err'; readonly val: E };
export type Incoming<T, E> = readonly [stream: HostStream<T, E>, ended: Promise<Outcome<E>>];
/** The error code of an interface for what was thrown; throws what has none. */
export type CodeOf<E> = (error: unknown) => E;

/** What a component writes. */
export interface ComponentStream {
  read(options: {
    readonly count: number;
  }): Promise<{ readonly value?: ArrayLike<number>; readonly done: boolean }>;
  [Symbol.dispose](): void;
}

/** A stream that the component reads. */
export class HostStream<T, E> implements AsyncIterableIterator<T> {
  readonly #take: () => T | Pollable | undefined | Promise<T>;
  readonly #close: () => void;
  readonly #codeOf: CodeOf<E>;
  readonly #ended = Promise.withResolvers<Outcome<E>>();
  #over = false;

  /**
   * @param take - gives what is there, what to wait for where nothing is, or `undefined` at the end
   * @param close - called once, at the end or when the component drops the stream
   */
  constructor(take: () => T | Pollable | undefined | Promise<T>, close: () => void, codeOf: CodeOf<E>) {
    this.#take = take;
    this.#close = close;
    this.#codeOf = codeOf;
  }

  get ended(): Promise<Outcome<E>> {
    return this.#ended.promise;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    // Nothing is taken for a stream that was dropped while it waited: it may be another's by now.
    while (!this.#over) {
      try {
        const taken = await this.#take();
        if (taken === undefined) this.#end({ tag: 'ok' });
        else if (taken instanceof Pollable) await taken.block();
        else return { done: false, value: taken };
      } catch (error) {
        this.#end({ tag: 'err', val: this.#codeOf(error) });
      }
    }
    return { done: true, value: undefined };
  }

  /** The component has dropped it. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#end({ tag: 'ok' });
    return Promise.resolve({ done: true, value: undefined });
  }

  #end(outcome: Outcome<E>): void {
    if (this.#over) return;
    this.#over = true;
    this.#close();
    this.#ended.resolve(outcome);
  }
}

/** A stream of what is there at once, or waits as it says. */
export function incoming<T, E>(
  take: () => T | Pollable | undefined,
  close: () => void,
  codeOf: CodeOf<E>,
): Incoming<T, E> {
  const stream = new HostStream(take, close, codeOf);
  return [stream, stream.ended];
}

/** A stream that never began. */
export function failed<T, E>(code: E): Incoming<T, E> {
  const nothing = (): undefined => undefined;
  return [new HostStream<T, E>(nothing, nothing, () => code), Promise.resolve({ tag: 'err', val: code })];
}

/** The bytes of a stream of WASI 0.2. */
export function bytesOf<E>(input: InputStream, codeOf: CodeOf<E>): Incoming<Uint8Array, E> {
  return incoming(
    () => input.takeNow(largestPiece),
    () => {
      input[Symbol.dispose]();
    },
    codeOf,
  );
}

/** Why a stream of WASI 0.2 failed; `undefined` where it is only closed. Throws what is no failure of a stream. */
export function failureOf(error: unknown): WasiError | undefined {
  if (error instanceof WasiError) return error;
  if (!(error instanceof ResultError)) throw error;
  const failure = error.payload as { readonly tag: string; readonly val?: IoError };
  return failure.val?.cause;
}

/** What components write, on its way to where it goes. */
export class Outgoing {
  readonly #writing = new Set<Promise<void>>();
  #open = 0;

  /** Writes all of a stream. @returns when it has ended and all is written, or nothing more can be */
  async write<E>(stream: ComponentStream, output: OutputStream, codeOf: CodeOf<E>): Promise<Outcome<E>> {
    this.#open += 1;
    try {
      for (;;) {
        const { value, done } = await stream.read({ count: largestPiece });
        if (value !== undefined && value.length > 0) await this.#put(output, Uint8Array.from(value));
        if (done) return { tag: 'ok' };
      }
    } catch (error) {
      const val = codeOf(error);
      stream[Symbol.dispose]();
      return { tag: 'err', val };
    } finally {
      this.#open -= 1;
      output[Symbol.dispose]();
    }
  }

  /** Lets out what the component wrote before it ended, which it need not wait for. */
  async settle(): Promise<void> {
    while (this.#open > 0) {
      await new Promise((resolve) => setTimeout(resolve, nextLook));
      if (this.#writing.size === 0) return;
      await Promise.allSettled([...this.#writing]);
    }
  }

  async #put(output: OutputStream, bytes: Uint8Array): Promise<void> {
    const writing = output.blockingWriteAndFlush(bytes);
    this.#writing.add(writing);
    try {
      await writing;
    } finally {
      this.#writing.delete(writing);
    }
  }
}
