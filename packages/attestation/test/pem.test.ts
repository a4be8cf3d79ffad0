// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { decodeBase64 } from '../src/pem.ts';

test('base64 is decoded to the bytes that it is of, and in no other spelling of them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const text = Buffer.from(bytes).toString('base64');
      assert.deepEqual(decodeBase64(text), bytes);
      const bare = text.replace(/=+$/, '');
      if (bare !== text) assert.equal(decodeBase64(bare), undefined);
      assert.equal(decodeBase64(`${text}=`), undefined);
      assert.equal(decodeBase64(`${text}\n`), undefined);
    }),
  );
});

test('whatever is taken for base64 is what those bytes are in it', () => {
  const character = fc.constantFrom(...Array.from('ABCabc012+/=-_ é\n'));
  fc.assert(
    fc.property(fc.string({ unit: character, maxLength: 12 }), (text) => {
      const bytes = decodeBase64(text);
      if (bytes !== undefined) assert.equal(Buffer.from(bytes).toString('base64'), text);
      else assert.notEqual(Buffer.from(text, 'base64').toString('base64'), text);
    }),
    { numRuns: 2000 },
  );
});

test('base64 with stray bits, wrong padding or other characters is none', () => {
  for (const text of [
    'A',
    'AA',
    'AAA',
    'AB==',
    'AAB=',
    '====',
    '=AAA',
    'A===',
    'AA=A',
    'AA-_',
    'AAAé',
    'AA A',
  ])
    assert.equal(decodeBase64(text), undefined, text);
  assert.deepEqual(decodeBase64(''), new Uint8Array(0));
  assert.deepEqual(decodeBase64('AA=='), Uint8Array.of(0));
  assert.deepEqual(decodeBase64('AAE='), Uint8Array.of(0, 1));
});
