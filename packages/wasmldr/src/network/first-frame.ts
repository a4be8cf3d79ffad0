// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

import { decodeMessage, FrameReader, guestConnection } from '@enarx/protocol';

/** Frame head of three bytes, and the message. */
const longest = 3 + guestConnection.maxBytes;

/**
 * Reads the frame that says for which socket of the program a connection is, and leaves what follows unread, which is not made of frames. To be used in the same turn.
 *
 * @param longestWait - milliseconds
 * @returns the number of the listener or of the outgoing connection; `undefined` when nothing of the sort comes, and then the stream is destroyed
 */
export function readSocketNumber(stream: Duplex, longestWait: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const reader = new FrameReader();
    let seen = 0;
    const finish = (number: number | undefined): void => {
      clearTimeout(timer);
      stream.off('data', receive).off('end', refuse).off('close', refuse);
      stream.pause();
      if (number === undefined) stream.destroy();
      resolve(number);
    };
    const refuse = (): void => {
      finish(undefined);
    };
    const timer = setTimeout(refuse, longestWait);
    // Byte by byte: the reader must not be shown what stands behind the frame.
    const receive = (chunk: Uint8Array): void => {
      try {
        for (let at = 0; at < chunk.length; at += 1) {
          seen += 1;
          if (seen > longest) throw new Error('too long');
          const [frame] = reader.push(chunk.subarray(at, at + 1));
          if (frame === undefined) continue;
          const { number } = decodeMessage(guestConnection, frame.payload);
          if (frame.kind !== 0) throw new Error('another kind');
          const rest = chunk.subarray(at + 1);
          stream.off('data', receive);
          if (rest.length > 0) stream.unshift(rest);
          finish(number);
          return;
        }
      } catch {
        refuse();
      }
    };
    stream.on('data', receive).on('end', refuse).on('close', refuse);
  });
}
