// SPDX-License-Identifier: Apache-2.0
//
// What the owner of a program is told of its hunger for input, whatever a runner says.
import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';

import { FrameStream } from '@enarx/channel/frame-stream';
import { credit, decodeMessage, workloadFrame } from '@enarx/protocol';

import { Audience } from '../src/audience.ts';

/** Bytes of each credit that comes, until they add up to so many. */
async function credits(frames: FrameStream, sum: number): Promise<number[]> {
  const seen: number[] = [];
  while (seen.reduce((all, bytes) => all + bytes, 0) < sum) {
    const frame = await frames.read();
    assert.ok(frame?.kind === workloadFrame.credit);
    seen.push(decodeMessage(credit, frame.payload));
  }
  return seen;
}

test('a runner that asks for input byte by byte costs a few messages, which together say all of it', async () => {
  const [near, far] = duplexPair();
  const audience = new Audience(false);
  audience.join(new FrameStream(near));
  for (let asked = 0; asked < 100_000; asked += 1) audience.wantStdin(1);
  const seen = await credits(new FrameStream(far), 100_000);
  assert.ok(seen.length <= 3, `${String(seen.length)} messages`);
  assert.equal(
    seen.reduce((all, bytes) => all + bytes, 0),
    100_000,
  );
});

test('an owner who comes back is told all that is still open, once, and then what is asked for anew', async () => {
  const [near, far] = duplexPair();
  const audience = new Audience(true);
  const first = new FrameStream(near);
  audience.join(first);
  audience.wantStdin(1000);
  audience.wantStdin(24);
  assert.deepEqual(await credits(new FrameStream(far), 1024), [1000, 24]);
  audience.gotStdin(24);
  audience.leave(first);
  audience.wantStdin(500);
  const [again, beyond] = duplexPair();
  const peer = new FrameStream(beyond);
  audience.join(new FrameStream(again));
  assert.deepEqual(await credits(peer, 1500), [1500]);
  audience.wantStdin(7);
  assert.deepEqual(await credits(peer, 7), [7]);
});

test('nothing is asked for after the end was told', async () => {
  const [near, far] = duplexPair();
  const audience = new Audience(false);
  audience.join(new FrameStream(near));
  audience.wantStdin(1);
  audience.wantStdin(1);
  audience.end({ ended: { how: 'exit', code: 0 } });
  const peer = new FrameStream(far);
  assert.deepEqual(await credits(peer, 1), [1]);
  assert.equal((await peer.read())?.kind, workloadFrame.ended);
  near.end();
  assert.equal(await peer.read(), undefined);
});
