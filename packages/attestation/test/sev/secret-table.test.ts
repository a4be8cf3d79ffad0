// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decodeSecretTable, encodeSecretTable, maxSecretLength } from '@enarx/attestation/sev';

import { patched } from './made-platform.ts';

const guid = '736869e5-84f0-4973-92ec-06879ce3da0b';
const other = '00112233-4455-6677-8899-aabbccddeeff';
const area = 0x4000;
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);

test('secrets come back as they were put in, padded to whole blocks', () => {
  const secrets = [
    { guid, data: bytes(21) },
    { guid: other, data: bytes(0) },
  ];
  const table = encodeSecretTable(secrets, area);
  assert.equal(table.length, 96);
  assert.deepEqual(decodeSecretTable(table), secrets);
  const whole = new Uint8Array(0xc00);
  whole.set(table);
  assert.deepEqual(decodeSecretTable(whole), secrets);
});

test('a GUID in capitals is the same GUID', () => {
  const [secret] = decodeSecretTable(encodeSecretTable([{ guid: guid.toUpperCase(), data: bytes(1) }], area));
  assert.equal(secret!.guid, guid);
  const twice = [
    { guid, data: bytes(1) },
    { guid: guid.toUpperCase(), data: bytes(2) },
  ];
  assert.throws(() => encodeSecretTable(twice, area), {
    code: 'sev/secret-invalid',
    found: `two secrets ${guid.toUpperCase()}`,
  });
});

test('a table larger than what the firmware takes, or than its area, is refused', () => {
  const largest = maxSecretLength - 40;
  assert.equal(encodeSecretTable([{ guid, data: bytes(largest) }], 1 << 20).length, maxSecretLength);
  assert.throws(() => encodeSecretTable([{ guid, data: bytes(largest + 1) }], 1 << 20), {
    code: 'sev/secret-invalid',
    expected: 'at most 16384',
  });
  assert.throws(() => encodeSecretTable([{ guid, data: bytes(0xc00 - 39) }], 0xc00), {
    code: 'sev/secret-invalid',
    found: '3088 bytes',
    expected: 'at most 3072',
  });
});

test('no secret, too many, and what is no GUID are refused', () => {
  assert.throws(() => encodeSecretTable([], area), { code: 'sev/secret-invalid', found: '0 secrets' });
  const many = Array.from({ length: 65 }, (_, i) => ({
    guid: other.replace('00', String(10 + i)),
    data: bytes(1),
  }));
  assert.throws(() => encodeSecretTable(many, area), { code: 'sev/secret-invalid', found: '65 secrets' });
  assert.equal(decodeSecretTable(encodeSecretTable(many.slice(1), area)).length, 64);
  assert.throws(() => encodeSecretTable([{ guid: 'disk', data: bytes(1) }], area), {
    code: 'sev/secret-invalid',
    found: 'the GUID disk',
  });
});

const table = encodeSecretTable([{ guid, data: bytes(4) }], area);
const refusals: readonly (readonly [what: string, area: Uint8Array, found: RegExp])[] = [
  ['empty', new Uint8Array(), /no table/],
  ['without a table', new Uint8Array(64), /no table/],
  ['cut off in its head', table.subarray(0, 19), /no table/],
  ['with a table shorter than its head', patched(table, 16, 19), /a table of 19 bytes/],
  ['with a table longer than the area', patched(table, 16, 0, 1), /a table of 256 bytes in 48/],
  ['with half an entry', patched(table, 16, 39), /an entry that is cut off/],
  ['with an entry of no length', patched(table, 36, 0), /an entry of 0 bytes/],
  ['with an entry longer than the table', patched(table, 36, 25), /an entry of 25 bytes/],
];

for (const [what, area, found] of refusals) {
  test(`an area ${what} is refused`, () => {
    assert.throws(() => decodeSecretTable(area), { code: 'sev/secret-malformed', message: found });
  });
}

test('an area with one GUID twice, or with more secrets than a guest shows, is refused', () => {
  const entry = table.subarray(20, 44);
  const build = (count: number, change: (i: number, entry: Uint8Array) => void): Uint8Array => {
    const whole = new Uint8Array(20 + 24 * count);
    whole.set(table.subarray(0, 16));
    new DataView(whole.buffer).setUint32(16, whole.length, true);
    for (let i = 0; i < count; i += 1) {
      const copy = entry.slice();
      change(i, copy);
      whole.set(copy, 20 + 24 * i);
    }
    return whole;
  };
  const same = build(2, () => undefined);
  assert.throws(() => decodeSecretTable(same), {
    code: 'sev/secret-malformed',
    found: `two secrets ${guid}`,
  });
  const many = build(65, (i, copy) => {
    copy[0] = i;
  });
  assert.throws(() => decodeSecretTable(many), {
    code: 'sev/secret-malformed',
    found: 'more than 64 secrets',
  });
});
