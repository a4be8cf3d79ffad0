// SPDX-License-Identifier: Apache-2.0
//
// enarx.cddl and messages.ts say the same, rule by rule: what is made from the rule is a message, and what differs from it
// in one place is accepted by both or refused by both.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';

import {
  decodeMessage,
  decodeProblem,
  encodeCbor,
  encodeMessage,
  EnarxError,
  FrameReader,
  messageTypes,
  type CborValue,
} from '@enarx/protocol';
import fc from 'fast-check';

import { brokenRule, enarxCddl, enarxRules } from '../../../test/support/cddl/enarx.ts';
import { itemsOf } from '../../../test/support/cddl/generate.ts';
import { mutantsOf } from '../../../test/support/cddl/mutate.ts';
import { mismatch } from '../../../test/support/cddl/validate.ts';

/** Whether the reader takes the bytes; `undefined` where only their size speaks against them, which no rule knows. */
function accepts(read: () => unknown): boolean | undefined {
  try {
    read();
    return true;
  } catch (error) {
    assert.ok(error instanceof EnarxError, `a bare exception: ${String(error)}`);
    if (error.code === 'cbor/too-large') return undefined;
    assert.equal(error.kind, 'malformed');
    return false;
  }
}

interface Twin {
  readonly rule: string;
  readonly read: (bytes: Uint8Array) => unknown;
}

const twins: readonly Twin[] = [
  ...messageTypes.map((type) => ({
    rule: type.name,
    read: (bytes: Uint8Array) => decodeMessage(type, bytes),
  })),
  { rule: 'problem', read: decodeProblem },
  {
    rule: 'frame',
    read: (bytes) => {
      const reader = new FrameReader();
      assert.equal(reader.push(bytes).length, 1);
      reader.end();
    },
  },
];

suite('every message and its rule', () => {
  for (const { rule, read } of twins) {
    test(`what is made from the rule ${rule} is accepted`, () => {
      let tooLarge = 0;
      fc.assert(
        fc.property(itemsOf(enarxRules, rule), (item) => {
          const accepted = accepts(() => read(encodeCbor(item)));
          if (accepted === undefined) tooLarge += 1;
          return accepted !== false;
        }),
        { numRuns: 150 },
      );
      assert.ok(tooLarge < 100, `${String(tooLarge)} of 150 were too large to say anything`);
    });

    if (rule === 'frame') continue; // A stream is cut off or goes on where one item is wrong: frames.test.ts.
    test(`what differs from the rule ${rule} in one place is accepted by both or refused by both`, () => {
      let refused = 0;
      const mutants = itemsOf(enarxRules, rule).chain((item) => fc.tuple(fc.constant(item), mutantsOf(item)));
      fc.assert(
        fc.property(mutants, ([, mutant]) => {
          const accepted = accepts(() => read(encodeCbor(mutant)));
          if (accepted === false) refused += 1;
          const broken = mismatch(enarxRules, rule, mutant);
          return accepted === undefined || accepted === (broken === undefined);
        }),
        { numRuns: 500 },
      );
      assert.ok(refused > 100, `only ${String(refused)} of 500 were refused`);
    });
  }

  for (const type of messageTypes) {
    test(`a received ${type.name} encodes to the bytes that came`, () => {
      fc.assert(
        fc.property(itemsOf(enarxRules, type.name), (item) => {
          const bytes = encodeCbor(item);
          if (bytes.length > type.maxBytes) return;
          assert.deepEqual(encodeMessage(type, decodeMessage(type, bytes)), bytes);
        }),
        { numRuns: 50 },
      );
    });
  }

  test('no rule is without use: each is a message, a part of one, or a problem, a frame or the binding', () => {
    const used = new Set([...twins.map(({ rule }) => rule), 'binding']);
    for (const rule of used) for (const name of namesIn(rule)) used.add(name);
    assert.deepEqual(
      [...enarxRules.keys()].filter((rule) => !used.has(rule)),
      [],
    );
  });
});

function namesIn(rule: string): string[] {
  const type = enarxRules.get(rule);
  assert.ok(type, `enarx.cddl has no rule ${rule}`);
  return [
    ...JSON.stringify(type, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    ).matchAll(/"name":"([^"]+)"/g),
  ]
    .map(([, name]) => name as string)
    .filter((name) => enarxRules.has(name));
}

suite('our reading of CDDL', () => {
  const ruleText = 'm = { a: 1..3, ? "b" => text .size (0..2), -1 => [* n] }\nn = "x" / bytes .size 2\n';

  test('a rule of every construct takes what it says and nothing else', async () => {
    const { parseCddl } = await import('../../../test/support/cddl/parse.ts');
    const rules = parseCddl(ruleText);
    const map = (...entries: [CborValue, CborValue][]): CborValue => new Map(entries);
    const wrong = (value: CborValue): string | undefined => mismatch(rules, 'm', value);
    assert.equal(wrong(map(['a', 1], [-1, []])), undefined);
    assert.equal(wrong(map(['a', 3], ['b', 'é'], [-1, ['x', new Uint8Array(2)]])), undefined);
    assert.equal(wrong(map(['a', 4], [-1, []])), 'm.a');
    assert.equal(wrong(map(['a', 1])), 'm.-1');
    assert.equal(wrong(map(['a', 1], ['b', 'éa'], [-1, []])), 'm.b');
    assert.equal(wrong(map(['a', 1], [-1, ['y']])), 'm.-1[0]');
    assert.equal(wrong(map(['a', 1], [-1, []], ['c', 1])), 'm: a key of no entry');
    assert.equal(wrong([]), 'm');
  });

  test('what it cannot read is an error and not a rule that takes everything', async () => {
    const { parseCddl } = await import('../../../test/support/cddl/parse.ts');
    for (const text of [
      'a',
      'a = ',
      'a = { b }x',
      'a = #6.1(text)',
      'a = 1...3',
      'a = text .regexp "x"',
      'a = [+ text]',
      'a = b // c',
      'a = 1\na = 2',
    ])
      assert.throws(() => parseCddl(text), /CDDL line/, text);
  });

  test('bytes that are no deterministic CBOR break every rule', () => {
    assert.match(brokenRule('credit', Uint8Array.of(0x18, 0x01)) ?? '', /longer than needed/);
    assert.equal(brokenRule('credit', Uint8Array.of(0x01)), undefined);
  });
});

suite('another reader of the rules', () => {
  const own = join(import.meta.dirname, '..', '..', '..', '.stamp', 'python', 'bin', 'python');
  const python = existsSync(own) ? own : 'python3';
  const here = spawnSync(python, ['-c', 'import pycddl'], { timeout: 20_000 }).status === 0;

  // It reads only. Its validator (0.6.4) takes a number for a choice of texts and refuses texts within their sizes.
  test(
    'pycddl finds enarx.cddl well-formed',
    { skip: here ? false : 'Python has no pycddl here (pip install pycddl)' },
    () => {
      const program = 'import sys, pycddl\npycddl.Schema(sys.stdin.read())';
      const read = (input: string): string =>
        spawnSync(python, ['-c', program], { input, encoding: 'utf8', timeout: 20_000 }).stderr;
      assert.equal(read(enarxCddl), '');
      assert.match(read(enarxCddl.replace('keep-list = [', 'keep-list = {')), /missing closing delimiter/);
    },
  );
});
