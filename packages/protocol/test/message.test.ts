// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import {
  compareBytes,
  createKeep,
  decodeMessage,
  deliver,
  encodeCbor,
  encodeMessage,
  ended,
  formatKeepId,
  fromHex,
  hasLaunchSecret,
  keepIdLength,
  managerInfo,
  parseKeepId,
  tees,
  toHex,
  type CborValue,
  type Deliver,
  type EnarxError,
} from '@enarx/protocol';

const delivery: Deliver = {
  size: 8,
  digest: new Uint8Array(32),
  args: ['hello'],
  env: [['A', 'b']],
  limits: {},
  detach: false,
};

suite('messages', () => {
  test('a key from the prototype of objects is a key that is not known', () => {
    for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype']) {
      const bytes = encodeCbor(
        new Map<CborValue, CborValue>([
          ['tee', 'sim'],
          [key, 'sim'],
        ]),
      );
      assert.throws(() => decodeMessage(createKeep, bytes), { code: 'message/invalid' }, key);
    }
    const only = encodeCbor(new Map([['__proto__', new Map([['tee', 'sim']])]]));
    assert.throws(() => decodeMessage(createKeep, only), { code: 'message/invalid' });
  });

  test('what is no map is no set of limits, though every limit may be left out', () => {
    for (const limits of [[], new Uint8Array(0), new Map([[1, 2]]), 'x', null, 0] as CborValue[]) {
      const bytes = encodeCbor({ ...delivery, limits });
      assert.throws(() => decodeMessage(deliver, bytes), { code: 'message/invalid' });
    }
    assert.deepEqual({ ...decodeMessage(deliver, encodeMessage(deliver, delivery)) }, delivery);
  });

  test('an error names the place, what stands there and what should', () => {
    const bytes = encodeCbor({ ...delivery, env: [['A', 1]] });
    assert.throws(() => decodeMessage(deliver, bytes), { found: 'deliver.env.0.1: 1', expected: 'string' });
    const short = encodeCbor({ ...delivery, digest: new Uint8Array(31) });
    assert.throws(() => decodeMessage(deliver, short), {
      found: 'deliver.digest: Uint8Array',
      expected: '32 bytes',
    });
    assert.throws(() => encodeMessage(deliver, { ...delivery, args: ['x'.repeat(40_000)] }), {
      found: 'deliver.args.0: 40000',
      expected: '<=32768',
    });
    const key = encodeCbor({ tee: 'sim', ['k'.repeat(900)]: 1 });
    assert.throws(
      () => decodeMessage(createKeep, key),
      (error: EnarxError) => error.found?.length === 160,
    );
    assert.throws(() => decodeMessage(createKeep, encodeCbor(1)), {
      found: 'create-keep: 1',
      expected: 'Object',
    });
  });

  test('a sender is told of what its receiver would refuse', () => {
    assert.throws(() => encodeMessage(deliver, { ...delivery, size: 0 }), { code: 'message/invalid' });
    assert.throws(() => encodeMessage(deliver, { ...delivery, args: ['\ud800'] }), {
      code: 'message/invalid',
    });
    const args = new Array<string>(3).fill('x'.repeat(30_000));
    assert.throws(() => encodeMessage(deliver, { ...delivery, args }), { code: 'cbor/too-large' });
  });

  test('limits on text count bytes, as the rule does', () => {
    const info = (release: string) => encodeMessage(managerInfo, { protocol: 1, release, tees: [] });
    info('é'.repeat(32));
    assert.throws(() => info(`${'é'.repeat(32)}x`), { code: 'message/invalid' });
  });

  test('of what a message allows several forms of, each is told apart by its name', () => {
    assert.throws(() => decodeMessage(ended, encodeCbor({ how: 'exit', value: 1 })), {
      code: 'message/invalid',
    });
    assert.throws(() => decodeMessage(ended, encodeCbor({ how: 'vanished' })), { code: 'message/invalid' });
    assert.deepEqual({ ...decodeMessage(ended, encodeCbor({ how: 'stopped' })) }, { how: 'stopped' });
  });
});

suite('Keep ids and bytes', () => {
  test('an id has one spelling', () => {
    const id = Uint8Array.from({ length: keepIdLength }, (_, index) => 240 + index);
    assert.equal(formatKeepId(id), 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff');
    assert.deepEqual(parseKeepId(formatKeepId(id)), id);
    for (const text of [
      '',
      'F0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
      'f0',
      `${formatKeepId(id)}00`,
      '../f1f2f3f4f5f6f7f8f9fafbfcfdfef',
      `${formatKeepId(id)}\n`,
    ])
      assert.equal(parseKeepId(text), undefined, text);
  });

  test('hexadecimal goes there and back, and nothing else is read as it', () => {
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    assert.equal(toHex(all), Buffer.from(all).toString('hex'));
    assert.deepEqual(fromHex(toHex(all).toUpperCase()), all);
    for (const text of ['0', '0g', ' 00', '0x00']) assert.equal(fromHex(text), undefined, text);
  });

  test('bytes are ordered bytewise, a prefix before what it begins', () => {
    const sorted = ['', '00', '0000', '01', '0100', 'ff'].map((text) => fromHex(text)!);
    assert.deepEqual(sorted.toReversed().sort(compareBytes), sorted);
    assert.equal(compareBytes(Uint8Array.of(1), Uint8Array.of(1)), 0);
  });
});

test('the kinds with a launch secret are those of legacy SEV, and the one that shows its flow', () => {
  assert.deepEqual(tees.filter(hasLaunchSecret), ['sim-sev', 'sev', 'sev-es']);
});
