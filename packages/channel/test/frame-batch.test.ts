// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, mock, test } from 'node:test';

import { FrameBatch } from '@enarx/channel/frame-batch';
import { FrameStream } from '@enarx/channel/frame-stream';
import { FrameReader } from '@enarx/protocol';

/** Takes what is written when it is told to, and counts how often something is. */
function taker(): { frames: FrameStream; writes: Uint8Array[]; take: (error?: Error) => void } {
  const writes: Uint8Array[] = [];
  const pending: ((error?: Error) => void)[] = [];
  const duplex = new Duplex({
    read: () => undefined,
    write: (chunk: Uint8Array, _, done) => {
      writes.push(chunk);
      pending.push(done);
    },
  });
  return { frames: new FrameStream(duplex), writes, take: (error) => pending.shift()?.(error) };
}

/** Whether it has resolved, when all that can happen without anybody's doing has. */
async function hasResolved(promise: Promise<void> | undefined): Promise<boolean> {
  let resolved = false;
  void promise?.then(() => {
    resolved = true;
  });
  await new Promise(setImmediate);
  return promise === undefined || resolved;
}

const payload = (index: number): Uint8Array => Buffer.from(`payload ${String(index)}`);

describe('a batch', () => {
  test('holds small frames until they are many, and sends them whole, in order, in one write', async () => {
    const { frames, writes, take } = taker();
    const batch = new FrameBatch(frames);
    for (let index = 0; index < 1000; index += 1)
      assert.equal(batch.add(index % 24, payload(index)), undefined);
    assert.equal(writes.length, 0);
    await batch.flush();
    assert.equal(writes.length, 1);
    const sent = new FrameReader().push(writes[0] as Uint8Array);
    assert.deepEqual(
      sent.map(({ kind, payload: bytes }) => [kind, Buffer.from(bytes).toString()]),
      Array.from({ length: 1000 }, (_, index) => [index % 24, `payload ${String(index)}`]),
    );
    await batch.flush();
    take();
    assert.equal(writes.length, 1, 'nothing is sent where nothing was added');
  });

  test('copies what is added to it', async () => {
    const { frames, writes } = taker();
    const batch = new FrameBatch(frames);
    const bytes = payload(1);
    void batch.add(3, bytes);
    bytes.fill(0);
    await batch.flush();
    const [frame] = new FrameReader().push(writes[0] as Uint8Array);
    assert.deepEqual(Buffer.from(frame?.payload ?? []), payload(1));
  });

  test('waits for the other side: one is under way and one is filled, and no more', async () => {
    const { frames, writes, take } = taker();
    const batch = new FrameBatch(frames);
    const piece = new Uint8Array(16_384);
    const fill = (): Promise<void> | undefined => {
      for (let index = 0; index < 2; index += 1) assert.equal(batch.add(1, piece), undefined);
      return batch.add(1, piece);
    };
    assert.equal(await hasResolved(fill()), true, 'the first lies in its buffer');
    const first = batch.add(1, piece);
    assert.equal(await hasResolved(first), true, 'nothing was under way before it');
    assert.equal(writes.length, 1);
    for (let index = 0; index < 2; index += 1) void batch.add(1, piece);
    const second = batch.add(1, piece);
    assert.equal(await hasResolved(second), false, 'the first has not been taken');
    take();
    assert.equal(await hasResolved(second), true);
  });

  test('that is not full goes out when more is added a second later', async () => {
    const { frames, writes } = taker();
    let now = 0;
    mock.method(performance, 'now', () => now);
    try {
      const batch = new FrameBatch(frames);
      void batch.add(1, payload(1));
      now = 900;
      void batch.add(1, payload(2));
      assert.equal(writes.length, 0);
      now = 1001;
      await batch.add(1, payload(3));
      assert.equal(writes.length, 1);
      assert.equal(new FrameReader().push(writes[0] as Uint8Array).length, 2);
    } finally {
      mock.restoreAll();
    }
  });

  test('on a connection that breaks fails for whoever sends next', async () => {
    const { frames, take } = taker();
    const batch = new FrameBatch(frames);
    void batch.add(1, payload(1));
    await batch.flush();
    take(new Error('broken'));
    await new Promise(setImmediate);
    void batch.add(1, payload(2));
    await assert.rejects(batch.flush(), { message: 'broken' });
  });
});
