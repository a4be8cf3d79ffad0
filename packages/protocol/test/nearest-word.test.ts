// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { nearestWord } from '../src/nearest-word.ts';

test('the nearest known word is what was meant, whatever its case and its joints', () => {
  const known = ['debug', 'migrate-ma', 'page-swap-disabled', 'smt'];
  assert.equal(nearestWord('debgu', known), 'debug');
  assert.equal(nearestWord('DEBUG', known), 'debug');
  assert.equal(nearestWord('migrate_ma', known), 'migrate-ma');
  assert.equal(nearestWord('pageswapdisabled', known), 'page-swap-disabled');
  assert.equal(nearestWord('smtt', known), 'smt');
});

test('a word that is far from every known one is like none', () => {
  assert.equal(nearestWord('xyzzy', ['debug', 'smt']), undefined);
  assert.equal(nearestWord('', ['debug']), undefined);
  assert.equal(nearestWord('debug', []), undefined);
  assert.equal(nearestWord('d'.repeat(10_000_000), ['debug']), undefined);
});

test('joints of known words are as free as those of the typed one', () => {
  assert.equal(nearestWord('max-memry', ['max_memory']), 'max_memory');
});
