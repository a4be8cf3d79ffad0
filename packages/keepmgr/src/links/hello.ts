// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';

import {
  decodeMessage,
  FrameReader,
  ldrHello,
  managerFrame,
  type Frame,
  type LdrHello,
} from '@enarx/protocol';

/**
 * Reads the hello that begins every connection of a loader and leaves whatever follows unread, since on a relay
 * connection it is not made of frames.
 *
 * @param longest - milliseconds
 * @throws EnarxError any of `frame/…`, `cbor/…`, `message/…`; Error when it does not come in time
 */
export function readHello(socket: Socket, longest: number): Promise<LdrHello> {
  return new Promise((resolve, reject) => {
    const reader = new FrameReader();
    let seen = 0;
    const finish = (action: () => void): void => {
      clearTimeout(timer);
      socket.off('data', receive).off('close', closed).off('end', closed);
      socket.pause();
      action();
    };
    const fail = (error: Error): void => {
      finish(() => {
        reject(error);
      });
    };
    const timer = setTimeout(() => {
      fail(new Error('no hello in time'));
    }, longest);
    const closed = (): void => {
      fail(new Error('closed before the hello'));
    };
    const receive = (chunk: Uint8Array): void => {
      try {
        const found = firstFrame(reader, chunk, (seen += chunk.length));
        if (found === undefined) return;
        const [frame, rest] = found;
        if (frame.kind !== managerFrame.hello) throw new Error(`a frame of kind ${String(frame.kind)}`);
        const hello = decodeMessage(ldrHello, frame.payload);
        finish(() => {
          if (rest.length > 0) socket.unshift(rest);
          resolve(hello);
        });
      } catch (error) {
        fail(error as Error);
      }
    };
    socket.on('data', receive).on('close', closed).on('end', closed);
  });
}

/** Byte by byte: the reader must not be shown what stands behind the frame. A hello is short, so this costs nothing. */
function firstFrame(
  reader: FrameReader,
  chunk: Uint8Array,
  seen: number,
): [frame: Frame, rest: Uint8Array] | undefined {
  for (let at = 0; at < chunk.length; at += 1) {
    if (seen - chunk.length + at > ldrHello.maxBytes + 8) throw new Error('a hello without end');
    const [frame] = reader.push(chunk.subarray(at, at + 1));
    if (frame !== undefined) return [frame, chunk.subarray(at + 1)];
  }
  return undefined;
}
