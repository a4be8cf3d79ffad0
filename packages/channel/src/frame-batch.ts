// SPDX-License-Identifier: Apache-2.0
import { encodeFrameHead } from '@enarx/protocol';

import type { FrameStream } from './frame-stream.ts';

/** Bytes that are handed over at once: four TLS records. */
const size = 65_536;
/** Milliseconds after which a frame is on its way, if more follow: the other side counts how long it hears nothing. */
const longestHold = 1000;

/**
 * Many small frames in few writes. A write costs as much as some ten thousand bytes in it do, at each place that passes it on; and whoever waits for each cannot
 * be quicker than the slowest of these places turns.
 *
 * At most two batches are under way or being laid out, whatever is added. Nothing else may send while a batch is not flushed.
 */
export class FrameBatch {
  readonly #frames: FrameStream;
  #buffer = Buffer.alloc(0);
  #filled = 0;
  #since = 0;
  #before: Promise<void> | undefined;

  constructor(frames: FrameStream) {
    this.#frames = frames;
  }

  /**
   * Adds a frame, which is copied.
   *
   * @param kind - 0 to 23
   * @param payload - so short that it lies in a batch whole
   * @returns resolves when more may be added; nothing where that is so at once
   * @throws Error of the duplex
   */
  add(kind: number, payload: Uint8Array): Promise<void> | undefined {
    const head = encodeFrameHead(kind, payload.length);
    const length = head.length + payload.length;
    const now = performance.now();
    const full = this.#filled + length > size;
    const sending = full || (this.#filled > 0 && now - this.#since > longestHold) ? this.flush() : undefined;
    if (this.#filled === 0) {
      this.#since = now;
      this.#buffer = Buffer.allocUnsafeSlow(size);
    }
    this.#buffer.set(head, this.#filled);
    this.#buffer.set(payload, this.#filled + head.length);
    this.#filled += length;
    return sending;
  }

  /** Sends what was added. @returns as `add` */
  async flush(): Promise<void> {
    if (this.#filled === 0) return;
    const writing = this.#frames.sendFramed(this.#buffer.subarray(0, this.#filled));
    // When it fails, so does whatever is sent next, and nobody waits for it.
    writing.catch(() => undefined);
    const before = this.#before;
    this.#before = writing;
    this.#filled = 0;
    await before;
  }
}

/** Payloads up to this many bytes are worth copying; a longer one goes out by itself. */
export const worthBatching = 16_384;
