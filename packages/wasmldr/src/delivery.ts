// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';

import type { FrameStream } from '@enarx/channel/frame-stream';
import {
  compareBytes,
  decodeMessage,
  deliver,
  EnarxError,
  protocolProblem,
  toHex,
  workloadFrame,
  type Deliver,
  type Frame,
} from '@enarx/protocol';

import { wasmldrProblem } from './problems.ts';

/** What is delivered, before the module. @throws EnarxError `wasmldr/delivery-…`, `frame/…`, `cbor/…`, `message/…` */
export async function readDeliver(frames: FrameStream, longestSilence: number): Promise<Deliver> {
  const { payload } = await next(frames, workloadFrame.deliver, longestSilence);
  return decodeMessage(deliver, payload);
}

/**
 * Passes the module on while it arrives, never holding more of it than a frame. The last piece is held back until the
 * digest over all of them is known to be the announced one, so that nothing but the announced module can ever start.
 *
 * @throws EnarxError `wasmldr/delivery-…`, `wasmldr/digest-other`, `frame/…`
 */
export async function readModule(
  frames: FrameStream,
  { size, digest }: Deliver,
  longestSilence: number,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const hash = createHash('sha256');
  for (let left = size; left > 0;) {
    const { payload } = await next(frames, workloadFrame.module, longestSilence);
    if (payload.length === 0 || payload.length > left)
      throw protocolProblem('frame/unexpected', {
        found: `${String(payload.length)} bytes of module`,
        expected: `1 to ${String(left)}`,
      });
    hash.update(payload);
    left -= payload.length;
    if (left === 0) requireDigest(hash.digest(), digest);
    await write(payload);
  }
}

function requireDigest(found: Uint8Array, expected: Uint8Array): void {
  if (compareBytes(found, expected) !== 0)
    throw wasmldrProblem('wasmldr/digest-other', {
      found: `SHA-256 ${toHex(found)}`,
      expected: toHex(expected),
    });
}

async function next(frames: FrameStream, kind: number, longestSilence: number): Promise<Frame> {
  const frame = await readInTime(frames, longestSilence);
  if (frame === undefined) throw wasmldrProblem('wasmldr/delivery-cut-off');
  if (frame.kind !== kind)
    throw protocolProblem('frame/unexpected', {
      found: `kind ${String(frame.kind)}`,
      expected: `kind ${String(kind)}`,
    });
  return frame;
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
