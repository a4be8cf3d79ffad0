// SPDX-License-Identifier: Apache-2.0
import { Writable } from 'node:stream';

type Target = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/**
 * Standard output or error. A reader that has seen enough (`| head`) is no error: what is written from then on is dropped, and
 * the command goes on to the status that it owes its caller. Any other failure is an error of this stream.
 */
export class StandardStream extends Writable {
  readonly #target: Target;
  readonly #onClosed: () => void;
  #closed = false;
  #failure: Error | undefined;

  /** @param onClosed - called once, when the reader has gone */
  constructor(target: Target, onClosed: () => void = () => undefined) {
    super({ decodeStrings: false });
    this.#target = target;
    this.#onClosed = onClosed;
    // Each write is told of its own failure.
    target.on('error', () => undefined);
    this.on('error', (error) => {
      this.#failure ??= error;
    });
  }

  get isTTY(): boolean {
    return this.#target.isTTY === true;
  }

  get columns(): number {
    return this.#target.columns ?? 0;
  }

  /** Why nothing can be written any more, once everything that was written has gone out. */
  async failure(): Promise<Error | undefined> {
    await new Promise((resolve) => {
      this.write('', resolve);
    });
    return this.#failure;
  }

  override _write(
    chunk: string | Uint8Array,
    encoding: NodeJS.BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    if (this.#closed) {
      done();
      return;
    }
    this.#target.write(chunk, encoding, (error?: NodeJS.ErrnoException | null) => {
      if (error?.code !== 'EPIPE') {
        done(error);
        return;
      }
      this.#closed = true;
      this.#onClosed();
      done();
    });
  }
}
