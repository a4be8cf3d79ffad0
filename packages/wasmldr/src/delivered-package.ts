// SPDX-License-Identifier: Apache-2.0
import type { FrameStream } from '@enarx/channel/frame-stream';
import {
  decodeMessage,
  entry as entryMessage,
  protocolProblem,
  workloadFrame,
  type Deliver,
} from '@enarx/protocol';
import type { PackageEntry } from '@enarx/runtime';

import { nextFrame, requirePiece } from './next-frame.ts';

/** The files of a program while they arrive: one entry after another, never holding more than a frame. */
export class DeliveredPackage implements AsyncIterable<PackageEntry> {
  readonly #frames: FrameStream;
  readonly #announced: NonNullable<Deliver['package']>;
  readonly #longestSilence: number;
  readonly #taken = Promise.withResolvers<undefined>();

  constructor(frames: FrameStream, announced: NonNullable<Deliver['package']>, longestSilence: number) {
    this.#frames = frames;
    this.#announced = announced;
    this.#longestSilence = longestSilence;
  }

  /** Resolves when nobody takes any more of it: the next frame is then the module's. Rejects with what was wrong with it. */
  get taken(): Promise<unknown> {
    return this.#taken.promise;
  }

  /** To be taken once. @throws EnarxError `wasmldr/delivery-…`, `frame/…`, `cbor/…`, `message/…` */
  async *[Symbol.asyncIterator](): AsyncGenerator<PackageEntry, undefined> {
    try {
      let left = this.#announced.bytes;
      for (let count = 0; count < this.#announced.entries; count += 1) {
        const { payload } = await nextFrame(this.#frames, workloadFrame.entry, this.#longestSilence);
        const entry = decodeMessage(entryMessage, payload);
        if (entry.kind !== 'file') {
          yield entry;
          continue;
        }
        left -= entry.size;
        if (left < 0) throw this.#otherSize('more');
        yield { ...entry, content: this.#content(entry.size) };
      }
      if (left > 0) throw this.#otherSize(`${String(left)} bytes less`);
      return undefined;
    } catch (error) {
      this.#taken.reject(error);
      throw error;
    } finally {
      this.#taken.resolve(undefined);
    }
  }

  async *#content(size: number): AsyncGenerator<Uint8Array, undefined> {
    for (let left = size; left > 0;) {
      const { payload } = await nextFrame(this.#frames, workloadFrame.content, this.#longestSilence);
      requirePiece(payload, left);
      left -= payload.length;
      yield payload;
    }
    return undefined;
  }

  #otherSize(found: string): Error {
    return protocolProblem('frame/unexpected', {
      found: `${found} in the files of the package`,
      expected: `${String(this.#announced.bytes)} bytes`,
    });
  }
}
