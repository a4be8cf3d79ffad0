// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { collectBytes } from '@enarx/protocol';

/** Two chunks of two bytes; remembers how far it was read and whether whoever read it has left. */
function source(): AsyncIterable<Uint8Array> & { given: number; left: boolean } {
  const state = { given: 0, left: false };
  return Object.assign(state, {
    async *[Symbol.asyncIterator]() {
      try {
        for (const chunk of [Uint8Array.of(1, 2), Uint8Array.of(3, 4)]) {
          await Promise.resolve();
          state.given += 1;
          yield chunk;
        }
      } finally {
        state.left = true;
      }
    },
  });
}

test('a stream that is as long as it may be comes whole and in its order', async () => {
  assert.deepEqual(await collectBytes(source(), 4), Uint8Array.of(1, 2, 3, 4));
  assert.deepEqual(await collectBytes([], 0), new Uint8Array(0));
});

test('a stream that is one byte too long is left as soon as that is seen', async () => {
  const two = source();
  assert.equal(await collectBytes(two, 1), undefined);
  assert.equal(two.given, 1);
  assert.equal(two.left, true);
});
