// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import {
  cutText,
  decodeCbor,
  decodeProblem,
  encodeCbor,
  encodeProblem,
  EnarxError,
  maxProblemBytes,
  problemsOf,
  protocolProblem,
  protocolProblems,
  type CborValue,
} from '@enarx/protocol';

import { brokenRule } from '../../../test/support/cddl/enarx.ts';

const enarxKey = 'tag:enarx.dev,2026:problem';

suite('problem details', () => {
  test('an error comes back with everything but its cause', () => {
    const error = protocolProblem('cbor/too-large', {
      found: '2 bytes',
      expected: 'at most 1',
      cause: new Error('secret'),
    });
    assert.equal(
      error.message,
      'The message is larger than its kind may be; found 2 bytes; expected at most 1',
    );
    assert.ok(error.cause instanceof Error);
    const bytes = encodeProblem(error);
    assert.equal(brokenRule('problem', bytes), undefined);
    const back = decodeProblem(bytes);
    for (const field of [
      'name',
      'code',
      'kind',
      'status',
      'title',
      'mend',
      'found',
      'expected',
      'message',
    ] as const)
      assert.equal(back[field], error[field]);
    assert.equal(back.cause, undefined);
    assert.ok(!new TextDecoder().decode(bytes).includes('secret'));
  });

  test('an error without found and expected comes back without them', () => {
    const back = decodeProblem(encodeProblem(protocolProblem('frame/truncated')));
    assert.equal(back.found, undefined);
    assert.equal(back.expected, undefined);
    assert.equal(back.message, protocolProblems['frame/truncated'].title);
  });

  test('the entries stand under the keys of RFC 9290', () => {
    const map = decodeCbor(encodeProblem(protocolProblem('frame/truncated')), maxProblemBytes) as ReadonlyMap<
      CborValue,
      CborValue
    >;
    const { title, status } = protocolProblems['frame/truncated'];
    assert.equal(map.get(-1), title);
    assert.equal(map.get(-2), title);
    assert.equal(map.get(-4), status);
    assert.deepEqual([...map.keys()], [-1, -2, -4, enarxKey]);
  });

  test('texts of any length and script still make a problem that the other side can read', () => {
    const long = '水😀'.repeat(5000);
    const definition = { kind: 'internal', status: 500, title: long, mend: long } as const;
    const error = new EnarxError(long, definition, { found: long, expected: `${long}\ud800` });
    const bytes = encodeProblem(error);
    assert.ok(bytes.length <= maxProblemBytes);
    const back = decodeProblem(bytes);
    assert.ok(long.startsWith(back.title));
    assert.ok(Buffer.byteLength(back.title) > 1020);
    assert.equal(
      decodeProblem(
        encodeProblem(new EnarxError('x', { ...definition, title: '', mend: '' }, { found: '\ud800' })),
      ).found,
      '\ufffd',
    );
  });

  const good = (): Map<CborValue, CborValue> =>
    new Map<CborValue, CborValue>([
      [-1, 'title'],
      [-2, 'detail'],
      [-4, 400],
      [
        enarxKey,
        new Map<CborValue, CborValue>([
          ['code', 'a/b'],
          ['kind', 'usage'],
          ['mend', 'mend'],
        ]),
      ],
    ]);
  const entry = (map: Map<CborValue, CborValue>): Map<CborValue, CborValue> =>
    map.get(enarxKey) as Map<CborValue, CborValue>;
  const wrong: readonly [string, (map: Map<CborValue, CborValue>) => unknown][] = [
    ['without a title', (map) => map.delete(-1)],
    ['with a title that is no text', (map) => map.set(-1, 0)],
    ['without a detail', (map) => map.delete(-2)],
    ['with a detail that is no text', (map) => map.set(-2, new Uint8Array())],
    ['without a response code', (map) => map.delete(-4)],
    ['with a response code that is no number', (map) => map.set(-4, '400')],
    ['with a response code of a success', (map) => map.set(-4, 399)],
    ['with a response code that no status line could carry', (map) => map.set(-4, 600)],
    ['without our entry', (map) => map.delete(enarxKey)],
    ['with our entry as a text', (map) => map.set(enarxKey, 'x')],
    ['with another entry', (map) => map.set(-3, 'instance')],
    ['without a code', (map) => entry(map).delete('code')],
    ['without a kind', (map) => entry(map).delete('kind')],
    ['of an unknown kind', (map) => entry(map).set('kind', 'fatal')],
    ['without a way to mend it', (map) => entry(map).delete('mend')],
    ['with a found that is no text', (map) => entry(map).set('found', 1)],
    ['with an expected that is no text', (map) => entry(map).set('expected', null)],
    ['with another member in our entry', (map) => entry(map).set('toString', 'x')],
  ];
  test('the problem that the cases below spoil is a good one', () => {
    assert.equal(decodeProblem(encodeCbor(good())).code, 'a/b');
  });
  for (const [what, spoil] of wrong) {
    test(`a problem ${what} is refused`, () => {
      const map = good();
      spoil(map);
      const bytes = encodeCbor(map);
      assert.throws(() => decodeProblem(bytes), { code: 'message/invalid' });
      assert.notEqual(brokenRule('problem', bytes), undefined);
    });
  }

  test('what is no map, no CBOR or too long is refused', () => {
    assert.throws(() => decodeProblem(encodeCbor('x')), { code: 'message/invalid' });
    assert.throws(() => decodeProblem(Uint8Array.of(0xff)), { code: 'cbor/malformed' });
    assert.throws(() => decodeProblem(new Uint8Array(maxProblemBytes + 1)), { code: 'cbor/too-large' });
  });
});

suite('tables of problems', () => {
  test('every row says what to do, in sentences, with a status of a failure', () => {
    for (const [code, { status, title, mend }] of Object.entries(protocolProblems)) {
      assert.match(code, /^[a-z]+\/[a-z-]+$/);
      assert.ok(status >= 400 && status < 600, code);
      assert.match(title, /[^.]$/, code);
      assert.match(mend, /\.$/, code);
    }
  });

  test('an error takes its row from the table and its occurrence from the caller', () => {
    const problem = problemsOf({ 'a/b': { kind: 'usage', status: 400, title: 'T', mend: 'M.' } });
    assert.equal(problem('a/b').message, 'T');
    assert.equal(problem('a/b', { expected: 'E' }).message, 'T; expected E');
    assert.equal('cause' in problem('a/b'), false);
    assert.equal(problem('a/b', { cause: 1 }).cause, 1);
  });
});

suite('cutting text', () => {
  test('text that fits stays, and longer text ends with a whole character', () => {
    assert.equal(cutText('abc', 3), 'abc');
    assert.equal(cutText('abcd', 3), 'abc');
    assert.equal(cutText('水水', 6), '水水');
    assert.equal(cutText('水水', 5), '水');
    assert.equal(cutText('a😀', 4), 'a');
    assert.equal(cutText('a😀', 5), 'a😀');
    assert.equal(cutText('\ud800', 64), '\ufffd');
    assert.equal(cutText('水', 0), '');
  });
});
