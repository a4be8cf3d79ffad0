// SPDX-License-Identifier: Apache-2.0
import type { File } from '../wasi/files/file.ts';
import { FlatBuffer } from '../wasi/io-vectors.ts';
import type { Waiting } from '../wasi/waiting.ts';
import { largestList, type ComponentHost } from './host.ts';
import { Pollable, type Sink, type Source } from './io.ts';

/** Reads a file from a position on. */
export class FileSource implements Source {
  readonly #host: ComponentHost;
  readonly #file: File;
  #position: number;

  constructor(host: ComponentHost, file: File, position: number) {
    this.#host = host;
    // It goes on where the descriptor that it came from is dropped.
    this.#file = file.again();
    this.#position = position;
  }

  read(most: number): Uint8Array | undefined {
    const left = this.#file.status().size - this.#position;
    if (left <= 0) return undefined;
    const buffer = new FlatBuffer(new Uint8Array(Math.min(most, left)));
    this.#position += this.#file.readAt(buffer, this.#position);
    return buffer.bytes;
  }

  subscribe(): Pollable {
    return new Pollable(this.#host, () => 0);
  }

  close(): void {
    this.#file.close();
  }
}

/** Writes a file from a position on, or at its end. */
export class FileSink implements Sink {
  readonly #host: ComponentHost;
  readonly #file: File;
  /** Where the next byte goes; `undefined` for the end of the file. */
  #position: number | undefined;

  constructor(host: ComponentHost, file: File, position: number | undefined) {
    this.#host = host;
    // It goes on where the descriptor that it came from is dropped.
    this.#file = file.again();
    this.#position = position;
  }

  readonly room = largestList;

  write(bytes: Uint8Array): void {
    const buffer = new FlatBuffer(bytes);
    while (buffer.remaining > 0) {
      const at = this.#position ?? this.#file.status().size;
      const count = this.#file.writeAt(buffer, at);
      if (this.#position !== undefined) this.#position += count;
    }
  }

  flush(): Waiting<number> | undefined {
    return undefined;
  }

  subscribe(): Pollable {
    return new Pollable(this.#host, () => 0);
  }

  close(): void {
    this.#file.close();
  }
}
