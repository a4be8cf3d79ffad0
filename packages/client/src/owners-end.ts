// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import { ReportedError } from '@enarx/channel';
import { FrameStream } from '@enarx/channel/frame-stream';
import { decodeMessage, decodeProblem, encodeMessage, launchFrame, type MessageType } from '@enarx/protocol';

import { clientProblem } from './problems.ts';
import type { Session } from './session.ts';

/** Milliseconds. A host that loads an image may take long to measure it. */
const longestAnswer = 120_000;

/** The owner's end of the connection on which a launch with a secret goes on. The host at the other end is hostile: frames are bounded, expected one by one, and waited for not for ever. */
export class OwnersEnd {
  readonly #connection: Duplex;
  readonly #frames: FrameStream;
  readonly #tap: Session['tap'];
  readonly #signal: AbortSignal | undefined;

  constructor(connection: Duplex, tap: Session['tap'], signal: AbortSignal | undefined) {
    connection.on('error', () => undefined);
    this.#connection = connection;
    this.#frames = new FrameStream(connection);
    this.#tap = tap;
    this.#signal = signal;
  }

  async send<T>(kind: number, type: MessageType<T>, message: T): Promise<void> {
    const payload = encodeMessage(type, message);
    this.#tap?.('sent', type.name, payload);
    await this.#frames.send(kind, payload);
  }

  async next<T>(kind: number, type: MessageType<T>): Promise<T> {
    const payload = await this.#payload(kind);
    this.#tap?.('received', type.name, payload);
    return decodeMessage(type, payload);
  }

  async finished(): Promise<void> {
    await this.#payload(launchFrame.finished);
  }

  close(): void {
    this.#frames.destroy();
  }

  async #payload(kind: number): Promise<Uint8Array> {
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort();
      this.#connection.destroy();
    }, longestAnswer);
    const abort = (): void => void this.#connection.destroy();
    this.#signal?.addEventListener('abort', abort);
    try {
      this.#signal?.throwIfAborted();
      const frame = await this.#frames.read();
      if (frame === undefined) throw clientProblem('client/host-gone', { found: 'the end of the launch' });
      if (frame.kind === launchFrame.problem) throw new ReportedError('host', decodeProblem(frame.payload));
      if (frame.kind !== kind)
        throw clientProblem('client/host-answer', {
          found: `a frame of kind ${String(frame.kind)}`,
          expected: `kind ${String(kind)}`,
        });
      return frame.payload;
    } catch (error) {
      if (this.#signal?.aborted === true)
        throw clientProblem('client/aborted', { cause: this.#signal.reason });
      if (late.signal.aborted)
        throw clientProblem('client/host-timeout', {
          expected: `an answer within ${String(longestAnswer)} ms`,
        });
      const { code } = error as NodeJS.ErrnoException;
      if (code?.startsWith('E') === true)
        throw clientProblem('client/host-gone', { found: code, cause: error });
      throw error;
    } finally {
      clearTimeout(timer);
      this.#signal?.removeEventListener('abort', abort);
    }
  }
}
