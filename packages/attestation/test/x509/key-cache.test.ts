// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { readEndorsements } from '../../src/endorsements.ts';
import { KeyCache } from '../../src/x509/key-cache.ts';
import { fakeAmd, issueList } from '../support/fake-amd.ts';

const nothing = { certificates: [], revocationLists: [] };

describe('what a cache remembers of bytes', async () => {
  const amd = await fakeAmd();
  const { ask, ark } = amd.certificates;
  const list = await issueList(amd.ark);

  test('is the same certificate, for the same bytes elsewhere', () => {
    const keys = new KeyCache();
    const [first] = readEndorsements([ask, ark], keys).certificates;
    const [again, other] = readEndorsements([Uint8Array.from(ask), ark], keys).certificates;
    assert.equal(again, first);
    assert.notEqual(other, first);
    const [known] = readEndorsements([list], keys).revocationLists;
    assert.ok(known);
    assert.deepEqual(readEndorsements([ask, Uint8Array.from(list)], keys), {
      certificates: [first],
      revocationLists: [known],
      unreadable: [],
    });
  });

  test('is nothing for bytes that only end alike', () => {
    const keys = new KeyCache();
    keys.addReading(ask, nothing);
    const alike = Uint8Array.from(ask);
    alike[20] = (alike[20] as number) ^ 1;
    assert.equal(keys.readingOf(ask), nothing);
    assert.equal(keys.readingOf(alike), undefined);
  });

  test('ends when there is no room', () => {
    const keys = new KeyCache(1);
    keys.addReading(ask, nothing);
    keys.addReading(ark, nothing);
    assert.equal(keys.readingOf(ask), undefined);
    assert.equal(keys.readingOf(ark), nothing);
  });

  test('is nothing that could not be read, and nothing large', () => {
    const keys = new KeyCache();
    const broken = ask.subarray(0, 900);
    const large = new Uint8Array(17_000);
    assert.equal(readEndorsements([broken], keys).unreadable.length, 1);
    readEndorsements([large], keys);
    assert.equal(keys.readingOf(broken), undefined);
    assert.equal(keys.readingOf(large), undefined);
  });

  test('counts against the limit as if it were read', () => {
    const keys = new KeyCache();
    readEndorsements([ask], keys);
    const { certificates, unreadable } = readEndorsements(
      Array.from({ length: 65 }, () => ask),
      keys,
    );
    assert.equal(certificates.length, 64);
    assert.match(unreadable[0] as string, /more than 64/);
  });
});

describe('what a cache knows to be signed', () => {
  test('counts once, however often it is added', () => {
    const keys = new KeyCache();
    const large = 'x'.repeat(4_194_304);
    keys.addSignature('first');
    for (let time = 0; time < 5; time += 1) keys.addSignature(large);
    assert.ok(keys.knowsSignature('first'));
  });

  test('is pushed out by nothing that was only asked for', () => {
    const keys = new KeyCache(2);
    keys.addSignature('first');
    assert.ok(!keys.knowsSignature('unknown'));
    keys.addSignature('second');
    assert.ok(keys.knowsSignature('first'));
  });

  test('is let go of when it is too much: a stranger’s own lists may be large', () => {
    const keys = new KeyCache();
    const named = (index: number): string => `${String(index)}|`.padEnd(262_144, 'x');
    for (let index = 0; index < 65; index += 1) keys.addSignature(named(index));
    keys.addSignature(named(64));
    assert.ok(!keys.knowsSignature(named(0)));
    for (const index of [1, 64]) assert.ok(keys.knowsSignature(named(index)));
    keys.addSignature('x'.repeat(16_777_217));
    assert.ok(!keys.knowsSignature(named(64)));
    assert.ok(!keys.knowsSignature('x'.repeat(16_777_217)));
  });
});
