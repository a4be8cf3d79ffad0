// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { EnarxError, encodeCbor, fromHex } from '@enarx/protocol';

import { isMap, isTagged, readCbor, type CborItem } from '../../src/cose/cbor.ts';

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(' ', '')) as Uint8Array;
const read = (text: string): CborItem => readCbor(hex(text), 1024);
const refused = (text: string, found: RegExp): void => {
  assert.throws(
    () => read(text),
    (error) =>
      error instanceof EnarxError && error.code === 'cose/cbor-malformed' && found.test(error.message),
    text,
  );
};

suite('CBOR of others', () => {
  // RFC 8949 appendix A.
  const examples: readonly (readonly [string, unknown])[] = [
    ['00', 0],
    ['17', 23],
    ['1818', 24],
    ['1903e8', 1000],
    ['1a000f4240', 1_000_000],
    ['1b000000e8d4a51000', 1_000_000_000_000],
    ['1bffffffffffffffff', 18446744073709551615n],
    ['20', -1],
    ['3903e7', -1000],
    ['3bffffffffffffffff', -18446744073709551616n],
    ['f90000', { float: 0 }],
    ['f98000', { float: -0 }],
    ['f93c00', { float: 1 }],
    ['f93e00', { float: 1.5 }],
    ['f97bff', { float: 65504 }],
    ['fa47c35000', { float: 100000 }],
    ['fb3ff199999999999a', { float: 1.1 }],
    ['f90001', { float: 5.960464477539063e-8 }],
    ['f90400', { float: 0.00006103515625 }],
    ['f9c400', { float: -4 }],
    ['f97c00', { float: Infinity }],
    ['f97e00', { float: NaN }],
    ['f9fc00', { float: -Infinity }],
    ['f4', false],
    ['f5', true],
    ['f6', null],
    ['c11a514b67b0', { tag: 1, content: 1363896240 }],
    ['40', new Uint8Array(0)],
    ['4401020304', Uint8Array.of(1, 2, 3, 4)],
    ['6449455446', 'IETF'],
    ['64f0908591', '𐅑'],
    ['83010203', [1, 2, 3]],
    ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
    [
      'a201020304',
      new Map([
        [1, 2],
        [3, 4],
      ]),
    ],
    [
      'bf61610161629f0203ffff',
      new Map<unknown, unknown>([
        ['a', 1],
        ['b', [2, 3]],
      ]),
    ],
    [
      'a2616201616102',
      new Map([
        ['b', 1],
        ['a', 2],
      ]),
    ],
  ];
  for (const [encoded, value] of examples)
    test(`${encoded} is read`, () => {
      assert.deepEqual(read(encoded), value);
    });

  test('is refused where a choice of encoding could hide something', () => {
    refused('1800', /longer than needed/);
    refused('190018', /longer than needed/);
    refused('1a00000018', /longer than needed/);
    refused('1b0000000000000018', /longer than needed/);
    refused('5f41014102ff', /indefinite length or a reserved head/);
    refused('7f6161ff', /indefinite length or a reserved head/);
    refused('1c', /indefinite length or a reserved head/);
    refused('a201000100', /the map key "1" twice/);
    refused('bf61610061610aff', /the map key "a" twice/);
    refused('a1f500', /a map key that is neither/);
    refused('a1410000', /a map key that is neither/);
    refused('f7', /simple value other than/);
    refused('f0', /simple value other than/);
    refused('f820', /simple value other than/);
    refused('ff', /a break/);
    refused('61ff', /not UTF-8/);
    refused('0000', /bytes after the item/);
  });

  test('is refused when it ends before it is whole, at every length', () => {
    const whole = encodeCbor({ list: [1, 'text', Uint8Array.of(1, 2)], number: 1000 });
    assert.ok(isMap(readCbor(whole, whole.length)));
    for (let length = 0; length < whole.length; length += 1)
      assert.throws(() => readCbor(whole.subarray(0, length), 1024), EnarxError);
    refused('9f01', /0 bytes left of 1/);
    refused('9b00ffffffffffffff', /a count of/);
    refused('bb00ffffffffffffff', /a count of/);
    refused('5b00ffffffffffffff', /0 bytes left of/);
    refused('f93c', /1 bytes left of 2/);
  });

  test('is refused when it is too large or too deep', () => {
    assert.throws(() => readCbor(new Uint8Array(11), 10), /11 bytes/);
    assert.deepEqual(
      read(`${'81'.repeat(16)}00`),
      Array.from({ length: 16 }).reduce((inner) => [inner], 0),
    );
    refused(`${'81'.repeat(17)}00`, /more than 16 levels/);
    refused(`${'c1'.repeat(17)}00`, /more than 16 levels/);
    refused('9f'.repeat(100), /more than 16 levels/);
  });

  test('tags are told from maps, lists and floats', () => {
    assert.ok(isTagged(read('c100')));
    for (const other of ['a0', '80', '40', 'f90000', 'f6', '00']) assert.equal(isTagged(read(other)), false);
  });
});
