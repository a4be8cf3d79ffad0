// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import {
  encodeFrameHead,
  FrameReader,
  maxFramePayload,
  protocolProblem,
  recordFramePayload,
  type Frame,
} from '@enarx/protocol';

/** Bytes of frames that may wait for their reader before the stream is held up. */
const longestQueue = 131_072;
/** Payloads up to this many bytes are copied behind their head: one buffer is cheaper to write than two. */
const copied = 2048;
/** Bytes of a TLS record, and how many bulk data is handed over in at once. */
const maxRecord = 16_384;
const recordsAtOnce = 4;

/**
 * Frames on any Node duplex, both ways, at the pace of the slower side. Nothing is read before somebody asks, and at most
 * two chunks and an incomplete frame are held, whatever arrives.
 */
export class FrameStream implements AsyncIterable<Frame> {
  readonly #duplex: Duplex;
  readonly #longest: number;
  readonly #reader: FrameReader;
  #queue: Frame[] = [];
  #next = 0;
  /** Where bulk data is laid out, while nobody does. */
  #bulk: [Buffer, Buffer] | undefined;
  #queued = 0;
  #reading = false;
  /** How reading ended: `failed` holds why, or `undefined` for an orderly end. */
  #end: { readonly failed: unknown } | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;

  /**
   * The duplex must emit bytes. Nobody else may read from it; its errors reach whoever reads or sends here.
   *
   * @param longest - bytes that a payload may have, where both sides have agreed on another measure than the protocol's
   */
  constructor(duplex: Duplex, longest = maxFramePayload) {
    this.#duplex = duplex;
    this.#longest = longest;
    this.#reader = new FrameReader((length) => Buffer.allocUnsafeSlow(length), longest);
    duplex.on('error', (error) => {
      this.#finish(error);
    });
  }

  /**
   * Sends one frame. Calls need not wait for each other: frames go out in the order of the calls.
   *
   * @param kind - 0 to 23
   * @param payload - at most 64 KiB (or the measure agreed on); not to be changed before the promise resolves, since it is not copied
   * @returns resolves when the frame was handed to the kernel; whoever sends in bulk waits for this
   * @throws Error of the duplex when it is broken or closed; EnarxError `frame/malformed` for a payload that is too long
   */
  send(kind: number, payload: Uint8Array = nothing): Promise<void> {
    return new Promise((resolve, reject) => {
      const { length } = payload;
      if (length > this.#longest)
        throw protocolProblem('frame/malformed', { found: `a payload of ${String(length)} bytes` });
      const head = encodeFrameHead(kind, length);
      if (length <= copied) {
        const frame = Buffer.allocUnsafe(head.length + length);
        frame.set(head);
        frame.set(payload, head.length);
        this.#write(frame, resolve, reject);
        return;
      }
      this.#duplex.cork();
      this.#duplex.write(head);
      this.#write(payload, resolve, reject);
      this.#duplex.uncork();
    });
  }

  /**
   * Sends bytes that are whole frames already, each with a payload no longer than the measure.
   *
   * @returns as `send`; until then the bytes are not to be changed
   */
  sendFramed(frames: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#write(frames, resolve, reject);
    });
  }

  #write(bytes: Uint8Array, resolve: () => void, reject: (error: Error) => void): void {
    this.#duplex.write(bytes, (error) => {
      // A socket that never was connected says only that it is closed; the reason stands on the stream.
      if (error) reject(this.#duplex.errored ?? error);
      else resolve();
    });
  }

  /**
   * Sends bytes of any number as frames that fill a TLS record each: faster through the channel than fewer, larger ones. To be waited for
   * before anything else is sent.
   *
   * @param kind - 0 to 23
   * @param bytes - not to be changed before the promise resolves
   * @returns resolves when all was handed to the kernel
   * @throws as `send`
   */
  async sendBulk(kind: number, bytes: Uint8Array): Promise<void> {
    if (bytes.length <= recordFramePayload) return this.send(kind, bytes);
    // Two buffers for all: making and collecting one each time costs as much as encrypting it, and while one is on its way the other is filled.
    const buffers = this.#bulk ?? [bulkBuffer(), bulkBuffer()];
    this.#bulk = undefined;
    const most = recordsAtOnce * recordFramePayload;
    let before: Promise<void> | undefined;
    for (let at = 0; at < bytes.length; at += most) {
      const [buffer, other] = buffers;
      const end = layOut(kind, bytes.subarray(at, at + most), buffer);
      const writing = this.sendFramed(buffer.subarray(0, end));
      // When the one before has failed, so does this one, and nobody waits for it.
      writing.catch(() => undefined);
      await before;
      before = writing;
      buffers[0] = other;
      buffers[1] = buffer;
    }
    await before;
    this.#bulk = buffers;
  }

  /**
   * The next frame, or `undefined` when the other side has ended in good order or `destroy` was called here.
   * @throws EnarxError `frame/malformed`, `frame/truncated`; Error of the duplex
   */
  read(): Promise<Frame | undefined> {
    const frame = this.#take();
    return frame === undefined ? this.#await() : Promise.resolve(frame);
  }

  /** The next frame if it has come already: nothing has to wait for it, nor to watch that it comes in time. */
  arrived(): Frame | undefined {
    return this.#take();
  }

  #take(): Frame | undefined {
    const frame = this.#queue[this.#next];
    if (frame !== undefined) this.#next += 1;
    return frame;
  }

  async #await(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#take();
      if (frame !== undefined) return frame;
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
      next: () =>
        this.read().then((value) => (value === undefined ? { done: true, value } : { done: false, value })),
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

const bulkBuffer = (): Buffer => Buffer.allocUnsafeSlow(recordsAtOnce * maxRecord);

/** Puts the bytes into the buffer, cut into frames. @returns how many bytes they take there */
function layOut(kind: number, bytes: Uint8Array, buffer: Uint8Array): number {
  let end = 0;
  for (let at = 0; at < bytes.length; at += recordFramePayload) {
    const payload = bytes.subarray(at, at + recordFramePayload);
    const head = encodeFrameHead(kind, payload.length);
    buffer.set(head, end);
    buffer.set(payload, end + head.length);
    end += head.length + payload.length;
  }
  return end;
}

function cutOff(): Error {
  return protocolProblem('frame/truncated', { found: 'a connection that was closed without an end' });
}
