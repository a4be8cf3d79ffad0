// SPDX-License-Identifier: Apache-2.0
import { connect, Socket } from 'node:net';

import { decodeMessage, FrameReader, ldrLaunch, ldrLaunchKind, type LdrLaunch } from '@enarx/protocol';

import { keepldrProblem } from './problems.ts';

/** Milliseconds from its first byte to its last. */
const longestFrame = 10_000;

/**
 * Reads the one frame that says what to do. A spare may wait long for it: as long as the manager that started it lives, whose end ends the
 * input.
 *
 * @param from - descriptor, or path of the socket on which the manager waits for a loader that is not its child
 * @throws EnarxError `keepldr/launch-missing` when the input ends before it, it takes more than 10 s to come whole, or is no launch
 */
export async function readLaunchFrame(from: number | string = 0): Promise<LdrLaunch> {
  const input =
    typeof from === 'string'
      ? connect({ path: from })
      : new Socket({ fd: from, readable: true, writable: false });
  const reader = new FrameReader();
  let late: NodeJS.Timeout | undefined;
  try {
    for await (const chunk of input as AsyncIterable<Uint8Array>) {
      late ??= setTimeout(() => {
        input.destroy(new Error('the rest did not come in time'));
      }, longestFrame);
      const frame = reader.push(chunk)[0];
      if (frame === undefined) continue;
      if (frame.kind !== ldrLaunchKind) throw new Error(`a frame of kind ${String(frame.kind)}`);
      return decodeMessage(ldrLaunch, frame.payload);
    }
    throw new Error('the input ended');
  } catch (cause) {
    throw keepldrProblem('keepldr/launch-missing', { found: (cause as Error).message, cause });
  } finally {
    clearTimeout(late);
    input.destroy();
  }
}
