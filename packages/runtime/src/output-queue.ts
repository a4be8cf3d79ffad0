// SPDX-License-Identifier: Apache-2.0
import { concatBytes, maxFramePayload } from '@enarx/protocol';

import { runtimeProblem } from './problems.ts';
import { outputWindow } from './runner-frames.ts';

export type OutputName = 'stdout' | 'stderr';
export type OutputConsumer = (stream: OutputName, chunk: Uint8Array) => Promise<void>;

interface Piece {
  readonly stream: OutputName;
  readonly bytes: Uint8Array;
}

/** Pieces that may wait. Without it a window full of one-byte pieces would cost a hundred times its size. */
const maxPieces = 1024;
/** Credit is given back in portions, not for every line. */
const portion = outputWindow / 4;

/**
 * Output between a runner and whoever reads it: in order, one piece at a time, and never more than the window. Pieces of one stream that
 * wait together are passed on together.
 */
export class OutputQueue {
  readonly #consume: OutputConsumer;
  readonly #grant: (bytes: number) => void;
  readonly #abandoned: () => void;
  readonly #pieces: Piece[] = [];
  #outstanding = 0;
  #consumed = 0;
  #pump: Promise<void> | undefined;

  /**
   * @param grant - called with the bytes that the runner may send in addition
   * @param abandoned - called once when the consumer rejects; what waits is dropped
   */
  constructor(consume: OutputConsumer, grant: (bytes: number) => void, abandoned: () => void) {
    this.#consume = consume;
    this.#grant = grant;
    this.#abandoned = abandoned;
  }

  /**
   * @returns when another piece may be pushed
   * @throws EnarxError `runner/misbehaved` for output beyond the credit, for empty output, which would cost no credit, and for more than a frame of the
   *   channel holds, which its owner could not be sent: only data of sockets may be longer on this link
   */
  async push(stream: OutputName, bytes: Uint8Array): Promise<void> {
    this.#outstanding += bytes.length;
    const found =
      bytes.length === 0
        ? 'empty output'
        : bytes.length > maxFramePayload
          ? 'output longer than a frame'
          : this.#outstanding > outputWindow
            ? 'output beyond the credit'
            : undefined;
    if (found !== undefined) throw runtimeProblem('runner/misbehaved', { found });
    this.#pieces.push({ stream, bytes });
    this.#pump ??= this.#run().catch(() => {
      this.#abandoned();
    });
    if (this.#pieces.length >= maxPieces) await this.#pump;
  }

  /** Resolves when all has been passed on, or the consumer wants no more. */
  async drained(): Promise<void> {
    await this.#pump;
  }

  async #run(): Promise<void> {
    for (;;) {
      const piece = this.#next();
      if (piece === undefined) break;
      await this.#consume(piece.stream, piece.bytes);
      this.#consumed += piece.bytes.length;
      if (this.#consumed < portion) continue;
      this.#outstanding -= this.#consumed;
      this.#grant(this.#consumed);
      this.#consumed = 0;
    }
    this.#pump = undefined;
  }

  #next(): Piece | undefined {
    const first = this.#pieces[0];
    if (first === undefined) return undefined;
    let count = 0;
    let size = 0;
    for (const { stream, bytes } of this.#pieces) {
      if (stream !== first.stream || (count > 0 && size + bytes.length > maxFramePayload)) break;
      count += 1;
      size += bytes.length;
    }
    const together = this.#pieces.splice(0, count);
    if (count === 1) return first;
    return { stream: first.stream, bytes: concatBytes(...together.map(({ bytes }) => bytes)) };
  }
}
