// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import { encodeFrameHead, FrameReader, maxFramePayload, protocolProblem, type Frame } from '@enarx/protocol';

/** Bytes of frames that may wait for their reader before the stream is held up. */
const longestQueue = 131_072;
/** Payloads up to this many bytes are copied behind their head: one buffer is cheaper to write than two. */
const copied = 2048;

/**
 * Frames on any Node duplex, both ways, at the pace of the slower side. Nothing is read before somebody asks, and at most
 * two chunks and an incomplete frame are held, whatever arrives.
 */
export class FrameStream implements AsyncIterable<Frame> {
  readonly #duplex: Duplex;
  readonly #reader = new FrameReader();
  #queue: Frame[] = [];
  #next = 0;
  #queued = 0;
  #reading = false;
  /** How reading ended: `failed` holds why, or `undefined` for an orderly end. */
  #end: { readonly failed: unknown } | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;

  /** The duplex must emit bytes. Nobody else may read from it; its errors reach whoever reads or sends here. */
  constructor(duplex: Duplex) {
    this.#duplex = duplex;
    duplex.on('error', (error) => {
      this.#finish(error);
    });
  }

  /**
   * Sends one frame. Calls need not wait for each other: frames go out in the order of the calls.
   *
   * @param kind - 0 to 23
   * @param payload - at most 64 KiB; not to be changed before the promise resolves, since it is not copied
   * @returns resolves when the frame was handed to the kernel; whoever sends in bulk waits for this
   * @throws Error of the duplex when it is broken or closed; EnarxError `frame/malformed` for a payload that is too long
   */
  send(kind: number, payload: Uint8Array = nothing): Promise<void> {
    return new Promise((resolve, reject) => {
      const { length } = payload;
      if (length > maxFramePayload)
        throw protocolProblem('frame/malformed', { found: `a payload of ${String(length)} bytes` });
      const head = encodeFrameHead(kind, length);
      const written = (error?: Error | null): void => {
        // A socket that never was connected says only that it is closed; the reason stands on the stream.
        if (error) reject(this.#duplex.errored ?? error);
        else resolve();
      };
      if (length <= copied) {
        const frame = Buffer.allocUnsafe(head.length + length);
        frame.set(head);
        frame.set(payload, head.length);
        this.#duplex.write(frame, written);
        return;
      }
      this.#duplex.cork();
      this.#duplex.write(head);
      this.#duplex.write(payload, written);
      this.#duplex.uncork();
    });
  }

  /**
   * The next frame, or `undefined` when the other side has ended in good order or `destroy` was called here.
   * @throws EnarxError `frame/malformed`, `frame/truncated`; Error of the duplex
   */
  async read(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#queue[this.#next];
      if (frame !== undefined) {
        this.#next += 1;
        return frame;
      }
      this.#queue = [];
      this.#next = 0;
      this.#queued = 0;
      if (this.#end !== undefined) {
        if (this.#end.failed !== undefined) throw this.#end.failed as Error;
        return undefined;
      }
      this.#waiting ??= Promise.withResolvers();
      const { promise } = this.#waiting;
      if (this.#reading) this.#duplex.resume();
      else this.#start();
      await promise;
    }
  }

  /** Frame after frame. Leaving the loop leaves the stream open, and another loop goes on where this one stopped. */
  [Symbol.asyncIterator](): AsyncIterator<Frame, undefined> {
    return {
      next: async () => {
        const value = await this.read();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
    };
  }

  /** Nothing more will be sent. What was sent before still arrives, and reading goes on. */
  end(): void {
    this.#duplex.end();
  }

  /** Resolves when the duplex is closed, however that came. Nobody has to read for it. */
  closed(): Promise<void> {
    if (this.#duplex.closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#duplex.once('close', resolve);
    });
  }

  /** Closes the duplex at once, and ends all reading: what was not read yet is dropped. */
  destroy(): void {
    this.#queue = [];
    this.#finish(undefined);
    this.#duplex.destroy();
  }

  #start(): void {
    this.#reading = true;
    const duplex = this.#duplex;
    duplex.on('data', (chunk: Uint8Array) => {
      this.#receive(chunk);
    });
    const finish = (): void => {
      this.#guard(() => {
        this.#reader.end();
      });
      this.#finish(undefined);
    };
    duplex.on('end', finish);
    duplex.on('close', () => {
      this.#finish(cutOff());
    });
    // Whoever read a first message from it may have left it paused, and then a listener alone does not start it.
    duplex.resume();
    if (duplex.readableEnded) finish();
    else if (duplex.destroyed) this.#finish(duplex.errored ?? cutOff());
  }

  #receive(chunk: Uint8Array): void {
    if (this.#end !== undefined) return;
    this.#guard(() => {
      this.#queue.push(...this.#reader.push(chunk));
    });
    this.#queued += chunk.length;
    if (this.#queued >= longestQueue) this.#duplex.pause();
    if (this.#queue.length > this.#next) this.#wake();
  }

  /** What was understood before a fault is still delivered; then the fault is. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#finish(error);
    }
  }

  #finish(failed: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { failed };
    this.#wake();
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}

const nothing = new Uint8Array(0);

function cutOff(): Error {
  return protocolProblem('frame/truncated', { found: 'a connection that was closed without an end' });
}
