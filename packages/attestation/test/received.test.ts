// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { received } from '../src/received.ts';

test('endorsements may come in 1024 pieces, and in no more', () => {
  const pieces = Array.from({ length: 1024 }, () => new Uint8Array());
  const options = { evidence: new Uint8Array(), anchors: [], at: 0 };
  assert.equal(received({ ...options, endorsements: pieces }).endorsements.length, 1024);
  assert.throws(() => received({ ...options, endorsements: [...pieces, new Uint8Array()] }), {
    code: 'evidence/too-large',
    found: '1025 pieces of endorsements',
    expected: 'at most 1024',
  });
});

test('evidence may have a mebibyte, and so may all endorsements together, and no byte more', () => {
  const most = new Uint8Array(1_048_576);
  const [part, rest] = [most.subarray(0, 100), most.subarray(100)];
  const options = { evidence: most, endorsements: [part, rest], anchors: [], at: 0 };
  assert.equal(received(options).endorsements.length, 2);
  for (const changed of [
    { evidence: new Uint8Array(1_048_577) },
    { endorsements: [part, rest, new Uint8Array(1)] },
  ])
    assert.throws(() => received({ ...options, ...changed }), { code: 'evidence/too-large' });
});
