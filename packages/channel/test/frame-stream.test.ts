// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { FrameStream } from '@enarx/channel/frame-stream';
import { encodeFrameHead, type Frame } from '@enarx/protocol';

const directory = mkdtempSync(join(tmpdir(), 'enarx-frames-'));
after(() => {
  rmSync(directory, { recursive: true });
});
let sockets = 0;

/** Two ends of a real Unix connection. */
async function pair(): Promise<[Socket, Socket]> {
  const path = join(directory, String((sockets += 1)));
  const server = createServer({ allowHalfOpen: true }).listen(path);
  await once(server, 'listening');
  const one = connect({ path, allowHalfOpen: true });
  const [other] = (await once(server, 'connection')) as [Socket];
  server.close();
  return [one, other];
}

async function all(frames: FrameStream): Promise<Frame[]> {
  const list: Frame[] = [];
  for await (const frame of frames) list.push(frame);
  return list;
}

describe('frames', () => {
  test('of every size arrive whole and in the order of the calls', async () => {
    const [one, other] = await pair();
    const sizes = [0, 1, 23, 24, 255, 256, 2048, 2049, 65_535, 65_536];
    const out = new FrameStream(one);
    const sent = Promise.all(
      sizes.map((size, index) => out.send(index, new Uint8Array(size).fill(index))),
    ).then(() => one.end());
    const received = await all(new FrameStream(other));
    await sent;
    assert.deepEqual(
      received.map(({ kind, payload }) => [kind, payload.length, payload.every((byte) => byte === kind)]),
      sizes.map((size, index) => [index, size, true]),
    );
    other.destroy();
  });

  test('of bulk data fill a TLS record each, and hold all of it in order', async () => {
    for (const size of [0, 1, 16_379, 16_380, 262_064, 262_065, 1_000_000]) {
      const [one, other] = await pair();
      const bytes = Uint8Array.from({ length: size }, (_, index) => (index * 31) >> 3);
      const out = new FrameStream(one);
      const sent = out.sendBulk(5, bytes).then(async () => {
        // The buffer is used again: what was sent must have gone.
        await out.sendBulk(6, new Uint8Array(40_000));
        one.end();
      });
      const received = await all(new FrameStream(other));
      await sent;
      const first = received.filter(({ kind }) => kind === 5).map(({ payload }) => payload);
      assert.deepEqual(Buffer.concat(first), Buffer.from(bytes));
      for (const payload of first.slice(0, -1)) assert.equal(payload.length + 5, 16_384);
      assert.deepEqual(
        Buffer.concat(received.filter(({ kind }) => kind === 6).map(({ payload }) => payload)),
        Buffer.alloc(40_000),
      );
      other.destroy();
    }
  });

  test('arrive the same when the bytes come one by one', async () => {
    const [one, other] = await pair();
    const bytes = [...encodeFrameHead(3, 300), ...new Uint8Array(300).fill(7), ...encodeFrameHead(4, 0)];
    const received = all(new FrameStream(other));
    for (const byte of bytes) {
      one.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    one.end();
    assert.deepEqual(
      (await received).map(({ kind, payload }) => [kind, payload.length]),
      [
        [3, 300],
        [4, 0],
      ],
    );
    other.destroy();
  });

  test('may be read by one loop after another', async () => {
    const [one, other] = await pair();
    const out = new FrameStream(one);
    await Promise.all([out.send(1), out.send(2), out.send(3)]);
    one.end();
    const frames = new FrameStream(other);
    for await (const { kind } of frames) {
      assert.equal(kind, 1);
      break;
    }
    assert.deepEqual(
      (await all(frames)).map(({ kind }) => kind),
      [2, 3],
    );
    assert.equal(await frames.read(), undefined);
    other.destroy();
  });

  test('larger than 64 KiB are not sent', async () => {
    const [one, other] = await pair();
    await assert.rejects(new FrameStream(one).send(1, new Uint8Array(65_537)), { code: 'frame/malformed' });
    one.destroy();
    other.destroy();
  });
});

describe('a reader that does not read', () => {
  test('of another measure pass where both sides have agreed on it, and are malformed where not', async () => {
    for (const measure of [70_000, undefined]) {
      const [one, other] = await pair();
      const out = new FrameStream(one, 70_000);
      await assert.rejects(out.send(1, new Uint8Array(70_001)), { code: 'frame/malformed' });
      const sent = out.send(1, new Uint8Array(70_000)).catch(() => undefined);
      const read = new FrameStream(other, measure).read();
      if (measure === undefined) await assert.rejects(read, { code: 'frame/malformed' });
      else assert.equal((await read)?.payload.length, 70_000);
      other.destroy();
      await sent;
      one.destroy();
    }
  });

  test('that the caller has laid out himself go out among the others, in the order of the calls', async () => {
    const [one, other] = await pair();
    const out = new FrameStream(one);
    const laidOut = Buffer.concat([encodeFrameHead(2, 3), Buffer.alloc(3, 2), encodeFrameHead(3, 0)]);
    const sent = [out.send(1, new Uint8Array(5000)), out.sendFramed(laidOut), out.send(4)];
    await Promise.all(sent);
    one.end();
    const received = await all(new FrameStream(other));
    assert.deepEqual(
      received.map(({ kind, payload }) => [kind, payload.length]),
      [
        [1, 5000],
        [2, 3],
        [3, 0],
        [4, 0],
      ],
    );
    await assert.rejects(out.sendFramed(laidOut));
    other.destroy();
  });

  test('holds the sender up, and what waits is bounded', async () => {
    const [one, other] = await pair();
    const out = new FrameStream(one);
    const frames = new FrameStream(other);
    let sent = 0;
    let stalled = false;
    const sending = (async () => {
      for (; sent < 256; sent += 1) await out.send(1, new Uint8Array(65_536));
      one.end();
    })();
    assert.equal((await frames.read())?.payload.length, 65_536);
    for (let before = -1; !stalled;) {
      await delay(100);
      stalled = before === sent;
      before = sent;
    }
    assert.ok(sent < 64, `${String(sent)} frames were taken`);
    assert.equal((await all(frames)).length, 255);
    await sending;
    other.destroy();
  });
});

describe('a stream', () => {
  test('that ends within a frame is truncated, after the frames before', async () => {
    const [one, other] = await pair();
    one.end(Uint8Array.of(...encodeFrameHead(1, 0), ...encodeFrameHead(2, 5), 1));
    const frames = new FrameStream(other);
    assert.equal((await frames.read())?.kind, 1);
    await assert.rejects(frames.read(), { code: 'frame/truncated' });
    other.destroy();
  });

  test('of anything but frames is malformed', async () => {
    const [one, other] = await pair();
    one.write('GET / HTTP/1.1\r\n\r\n');
    await assert.rejects(new FrameStream(other).read(), { code: 'frame/malformed' });
    one.destroy();
    other.destroy();
  });

  test('that is closed without an end is truncated', async () => {
    const duplex = new Duplex({ read: () => undefined });
    const frames = new FrameStream(duplex);
    const reading = frames.read();
    duplex.destroy();
    await assert.rejects(reading, { code: 'frame/truncated' });
    await assert.rejects(new FrameStream(duplex).read(), { code: 'frame/truncated' });
  });

  test('that ended before anybody read is at its end', async () => {
    const [one, other] = await pair();
    one.end();
    other.resume();
    await once(other, 'end');
    assert.equal(await new FrameStream(other).read(), undefined);
    other.destroy();
  });

  test('that nobody answers fails for reader and sender', async () => {
    const frames = new FrameStream(connect({ path: join(directory, 'nobody') }));
    await assert.rejects(frames.send(1), { code: 'ENOENT' });
    await assert.rejects(frames.read(), { code: 'ENOENT' });
  });

  test('that is destroyed here ends the reading and refuses to send', async () => {
    const [one, other] = await pair();
    const out = new FrameStream(one);
    const reading = out.read();
    out.destroy();
    assert.equal(await reading, undefined);
    await assert.rejects(out.send(1), { code: 'ERR_STREAM_DESTROYED' });
    other.destroy();
  });
});
