// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';

import type { FrameStream } from '@enarx/channel/frame-stream';
import { compareBytes, decodeMessage, deliver, toHex, workloadFrame, type Deliver } from '@enarx/protocol';

import { nextFrame, requirePiece } from './next-frame.ts';
import { wasmldrProblem } from './problems.ts';

/** What is delivered, before the module. @throws EnarxError `wasmldr/delivery-…`, `frame/…`, `cbor/…`, `message/…` */
export async function readDeliver(frames: FrameStream, longestSilence: number): Promise<Deliver> {
  const { payload } = await nextFrame(frames, workloadFrame.deliver, longestSilence);
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
    const { payload } = await nextFrame(frames, workloadFrame.module, longestSilence);
    requirePiece(payload, left);
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
