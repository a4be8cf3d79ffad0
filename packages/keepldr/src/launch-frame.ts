// SPDX-License-Identifier: Apache-2.0
import { Socket } from 'node:net';

import { decodeMessage, FrameReader, ldrLaunch, type LdrLaunch } from '@enarx/protocol';

import { keepldrProblem } from './problems.ts';

const longestWait = 10_000;
const launchKind = 0;

/**
 * Reads the one frame that says what to do from standard input.
 * @throws EnarxError `keepldr/launch-missing` when it does not come within 10 s or is no launch
 */
export async function readLaunchFrame(descriptor = 0): Promise<LdrLaunch> {
  const input = new Socket({ fd: descriptor, readable: true, writable: false });
  input.setTimeout(longestWait, () => {
    input.destroy(new Error('nothing came in time'));
  });
  const reader = new FrameReader();
  try {
    for await (const chunk of input as AsyncIterable<Uint8Array>) {
      const frame = reader.push(chunk)[0];
      if (frame === undefined) continue;
      if (frame.kind !== launchKind) throw new Error(`a frame of kind ${String(frame.kind)}`);
      return decodeMessage(ldrLaunch, frame.payload);
    }
    throw new Error('the input ended');
  } catch (cause) {
    throw keepldrProblem('keepldr/launch-missing', { found: (cause as Error).message, cause });
  } finally {
    input.destroy();
  }
}
