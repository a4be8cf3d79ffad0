// SPDX-License-Identifier: Apache-2.0
import type { FrameStream } from '@enarx/channel/frame-stream';
import { EnarxError, protocolProblem, type Frame } from '@enarx/protocol';

import { wasmldrProblem } from './problems.ts';

/**
 * The next frame of a delivery, which must be of this kind.
 * @param longestSilence - milliseconds
 * @throws EnarxError `wasmldr/delivery-cut-off`, `wasmldr/delivery-stalled`, `frame/…`
 */
export async function nextFrame(frames: FrameStream, kind: number, longestSilence: number): Promise<Frame> {
  const frame = frames.arrived() ?? (await readInTime(frames, longestSilence));
  if (frame === undefined) throw wasmldrProblem('wasmldr/delivery-cut-off');
  if (frame.kind !== kind)
    throw protocolProblem('frame/unexpected', {
      found: `kind ${String(frame.kind)}`,
      expected: `kind ${String(kind)}`,
    });
  return frame;
}

/** @throws EnarxError `frame/unexpected` for a piece that is empty, which would keep a delivery alive for nothing, or too long */
export function requirePiece(payload: Uint8Array, left: number): void {
  if (payload.length === 0 || payload.length > left)
    throw protocolProblem('frame/unexpected', {
      found: `${String(payload.length)} bytes`,
      expected: `1 to ${String(left)}`,
    });
}

async function readInTime(frames: FrameStream, longest: number): Promise<Frame | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        wasmldrProblem('wasmldr/delivery-stalled', { expected: `a frame within ${String(longest)} ms` }),
      );
    }, longest);
  });
  try {
    return await Promise.race([frames.read(), late]);
  } catch (cause) {
    if (cause instanceof EnarxError && cause.code !== 'frame/truncated') throw cause;
    throw wasmldrProblem('wasmldr/delivery-cut-off', { cause });
  } finally {
    clearTimeout(timer);
  }
}
