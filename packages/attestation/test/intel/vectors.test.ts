// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { judgeIntel } from '../corpus/intel-judge.ts';
import { intelFile, intelVectors, withoutVectors, type IntelVector } from './vectors.ts';

// Without a cache of keys. In the browser (test/browser.test.ts) all share one, and nothing may come out otherwise.
const corpus = {
  entries: intelVectors,
  read: (tee: 'sgx' | 'tdx', file: string) => Promise.resolve(new Uint8Array(intelFile(tee, file))),
};

const titleOf = ({ tee, file, mutation, verifyAt, expected }: IntelVector): string =>
  [
    `${tee}/${file}`,
    mutation,
    verifyAt,
    (expected?.['tcbStatus'] ?? expected?.['reason']) as string | undefined,
  ]
    .filter((part) => part !== undefined)
    .join(', ');

describe('the corpora of SGX and TDX', { skip: withoutVectors }, () => {
  for (const vector of intelVectors)
    test(`${titleOf(vector)}: gives what its index says`, async () => {
      assert.deepEqual(await judgeIntel(vector, corpus), []);
    });

  test('are judged: whoever says otherwise of a file is told so', async () => {
    const seen = new Set<string>();
    for (const vector of intelVectors) {
      const { kind, class: sort = '', expected = {} } = vector;
      if (sort === 'sample-pki' || kind === 'mutated-collateral' || seen.has(`${kind} ${sort}`)) continue;
      seen.add(`${kind} ${sort}`);
      const other = Object.fromEntries(Object.keys(expected).map((name) => [name, 'something else']));
      const wrong = { ...vector, expected: other, certs: [], issuer: 'Nobody', issueDate: 'never' };
      const problems =
        kind === 'ratls-cert'
          ? await judgeIntel({ ...vector, class: sort === '' ? 'negative' : '' }, corpus)
          : await judgeIntel(wrong, corpus);
      assert.notDeepEqual(problems, [], `${kind} ${sort}`);
    }
    assert.ok(seen.size >= 16, [...seen].join(', '));
    assert.deepEqual(await judgeIntel({ ...(intelVectors[0] as IntelVector), kind: 'other' }, corpus), [
      'unknown kind other',
    ]);
  });

  test('have plenty of everything', () => {
    const quotes = intelVectors.filter(({ kind }) => kind.endsWith('-quote'));
    const genuine = quotes.filter(({ class: sort }) => sort === undefined || sort === 'positive-variant');
    assert.ok(intelVectors.length >= 608, String(intelVectors.length));
    assert.ok(genuine.length >= 170, String(genuine.length));
    assert.ok(quotes.length - genuine.length >= 260, String(quotes.length - genuine.length));
    assert.deepEqual(
      quotes.filter(({ class: sort }) => sort === 'sample-pki').map(({ tee }) => tee),
      ['sgx', 'tdx'],
    );
    assert.equal(intelVectors.filter(({ kind }) => kind === 'ratls-cert').length, 3);
  });
});
