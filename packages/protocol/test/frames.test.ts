// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import {
  concatBytes,
  decodeCbor,
  encodeCbor,
  encodeFrameHead,
  FrameReader,
  maxFramePayload,
  type Frame,
} from '@enarx/protocol';
import fc from 'fast-check';

const frameOf = (kind: number, payload: Uint8Array): Uint8Array<ArrayBuffer> =>
  concatBytes(encodeFrameHead(kind, payload.length), payload);

/** Copies, since a payload may be a view of the chunk. */
const readAll = (...chunks: readonly Uint8Array[]): Frame[] => {
  const reader = new FrameReader();
  const frames = chunks.flatMap((chunk) => reader.push(chunk));
  reader.end();
  return frames.map(({ kind, payload }) => ({ kind, payload: payload.slice() }));
};

suite('frames', () => {
  // Both sides of every width of length.
  for (const length of [0, 1, 23, 24, 255, 256, 65_535, 65_536]) {
    test(`a frame of ${String(length)} bytes is what the general encoder makes of it, and comes back`, () => {
      const payload = new Uint8Array(length).fill(7);
      const bytes = frameOf(5, payload);
      assert.deepEqual(bytes, encodeCbor([5, payload]));
      assert.deepEqual(decodeCbor(bytes, bytes.length), [5, payload]);
      assert.deepEqual(readAll(bytes), [{ kind: 5, payload }]);
    });
  }

  test('a stream cut at any place gives the same frames', () => {
    const frames = [
      { kind: 0, payload: new Uint8Array(0) },
      { kind: 23, payload: new Uint8Array(30).fill(1) },
      { kind: 3, payload: new Uint8Array(300).fill(2) },
      { kind: 1, payload: Uint8Array.of(9) },
    ];
    const stream = concatBytes(...frames.map(({ kind, payload }) => frameOf(kind, payload)));
    for (let cut = 0; cut <= stream.length; cut += 1)
      assert.deepEqual(
        readAll(stream.subarray(0, cut), stream.subarray(cut)),
        frames,
        `cut at ${String(cut)}`,
      );
    assert.deepEqual(readAll(...Array.from(stream, (byte) => Uint8Array.of(byte))), frames);
  });

  test('any frames in any pieces come back, and the general decoder agrees on each', () => {
    const frame = fc.record(
      { kind: fc.integer({ min: 0, max: 23 }), payload: fc.uint8Array({ maxLength: 400 }) },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 90 })),
        (frames, sizes) => {
          const encoded = frames.map(({ kind, payload }) => frameOf(kind, payload));
          for (const [index, bytes] of encoded.entries()) {
            const { kind, payload } = frames[index]!;
            assert.deepEqual(decodeCbor(bytes, bytes.length), [kind, payload]);
          }
          const stream = concatBytes(...encoded);
          const chunks: Uint8Array[] = [];
          for (let at = 0; at < stream.length; at += chunks.at(-1)!.length)
            chunks.push(stream.subarray(at, at + (sizes.next().value as number)));
          assert.deepEqual(readAll(...chunks), frames);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('a payload that lies whole in a chunk is not copied', () => {
    const bytes = frameOf(1, new Uint8Array(100));
    const [frame] = new FrameReader().push(bytes);
    assert.equal(frame?.payload.buffer, bytes.buffer);
  });

  test('a large frame in pieces of one byte costs its length, not its square', () => {
    const bytes = frameOf(1, new Uint8Array(maxFramePayload));
    const reader = new FrameReader();
    const began = performance.now();
    let count = 0;
    for (let at = 0; at < bytes.length; at += 1) count += reader.push(bytes.subarray(at, at + 1)).length;
    assert.equal(count, 1);
    assert.ok(performance.now() - began < 1000);
  });

  const malformed: readonly [string, number[]][] = [
    ['an array of another length', [0x83]],
    ['an array of indefinite length', [0x9f]],
    ['a map', [0xa2]],
    ['a kind above 23', [0x82, 0x18]],
    ['a kind that is negative', [0x82, 0x20]],
    ['a payload that is text', [0x82, 0, 0x61]],
    ['a payload of indefinite length', [0x82, 0, 0x5f]],
    ['a payload with a length of 64 bits', [0x82, 0, 0x5b]],
    ['a length below 24 in two bytes', [0x82, 0, 0x58, 23]],
    ['a length below 256 in three bytes', [0x82, 0, 0x59, 0, 255]],
    ['a length below 65536 in five bytes', [0x82, 0, 0x5a, 0, 0, 255, 255]],
    ['a payload of 65537 bytes', [0x82, 0, 0x5a, 0, 1, 0, 1]],
    ['a payload of almost 2^32 bytes', [0x82, 0, 0x5a, 255, 255, 255, 255]],
  ];
  for (const [what, bytes] of malformed) {
    test(`${what} is refused at its last byte, and after any cut`, () => {
      for (let cut = 0; cut < bytes.length; cut += 1) {
        const reader = new FrameReader();
        assert.deepEqual(reader.push(Uint8Array.from(bytes.slice(0, cut))), []);
        assert.throws(() => reader.push(Uint8Array.from(bytes.slice(cut))), { code: 'frame/malformed' });
      }
    });
  }

  test('where both sides agree on another measure, it is the bound, and no byte more', () => {
    for (const longest of [100, maxFramePayload + 8]) {
      const reader = new FrameReader(undefined, longest);
      assert.equal(reader.push(frameOf(1, new Uint8Array(longest)))[0]?.payload.length, longest);
      assert.throws(() => reader.push(encodeFrameHead(1, longest + 1)), { code: 'frame/malformed' });
    }
  });

  test('a stream that ends within a frame is truncated, wherever it ends', () => {
    const bytes = frameOf(2, new Uint8Array(30));
    for (let length = 0; length <= bytes.length; length += 1) {
      const reader = new FrameReader();
      reader.push(bytes.subarray(0, length));
      if (length === 0 || length === bytes.length) reader.end();
      else
        assert.throws(
          () => {
            reader.end();
          },
          { code: 'frame/truncated' },
        );
    }
  });
});
