// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import fc from 'fast-check';

import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derIa5String,
  derInteger,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derTime,
  derUtf8String,
  DerReader,
  explicitTag,
  readBitString,
  readBoolean,
  readDer,
  readInteger,
  readOctetsOfBitString,
  readOid,
  readSmallInteger,
  readText,
  readTime,
  tags,
  utcTime,
} from '../../src/der/index.ts';

const malformed = (found: RegExp) => (error: unknown) => {
  assert.equal((error as { code?: string }).code, 'der/malformed');
  assert.match((error as Error).message, found);
  return true;
};
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const parse = (hex: string, tag?: number) => readDer(bytes(hex), tag);

describe('elements', () => {
  test('of any length are read as they were written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70_000, size: 'max' }), (content) => {
        const element = readDer(derOctetString(content), tags.octetString);
        assert.deepEqual(element.content, content);
        assert.equal(element.encoded.length, derOctetString(content).length);
      }),
      { numRuns: 50 },
    );
    for (const length of [0, 127, 128, 255, 256, 65_535, 65_536])
      assert.equal(readDer(derOctetString(new Uint8Array(length))).content.length, length);
  });

  test('stand one after the other and are nested', () => {
    const reader = readDer(
      derSequence(derNull(), derSet(derBoolean(true)), derExplicit(3, derInteger(5))),
    ).reader();
    assert.equal(reader.nextTag, tags.null);
    reader.next(tags.null);
    assert.equal(reader.optional(tags.integer), undefined);
    assert.equal(readBoolean(readDer(reader.next(tags.set).content)), true);
    assert.equal(
      readInteger(readDer((reader.optional(explicitTag(3)) as { content: Uint8Array }).content)),
      5n,
    );
    assert.equal(reader.nextTag, undefined);
    assert.equal(reader.atEnd, true);
    reader.end();
  });

  test('in any other encoding are refused', () => {
    for (const [hex, found] of [
      ['', /the end of the data; expected another element/],
      ['30', /no length/],
      ['0480', /indefinite or oversized length/],
      ['04850000000001', /indefinite or oversized length/],
      ['048201', /a length that is cut off/],
      ['04817f', /not in its shortest form/],
      [`04820080${'00'.repeat(128)}`, /not in its shortest form/],
      ['0402ff', /1 bytes of content; expected 2 bytes/],
      ['0484ffffffff', /expected 4294967295 bytes/],
      ['1f8101', /an identifier of several octets/],
      ['0500ff', /1 more bytes; expected the end/],
    ] as const)
      assert.throws(() => parse(hex), malformed(found), hex);
    assert.throws(() => parse('0500', tags.integer), malformed(/found null; expected integer/));
    assert.throws(() => parse('8000', tags.integer), malformed(/found tag 0x80/));
  });

  test('random bytes give a value or a typed refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
        try {
          const reader = new DerReader(input);
          while (!reader.atEnd) reader.next();
        } catch (error) {
          malformed(/./)(error);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('values', () => {
  test('integers of any size are read as they were written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 600n }), (value) => {
        assert.equal(readInteger(readDer(derInteger(value))), value);
      }),
    );
    assert.equal(readInteger(parse('0201ff')), -1n);
    assert.equal(readInteger(parse('02020080')), 128n);
    assert.equal(readInteger(parse('0202ff7f')), -129n);
    assert.equal(readSmallInteger(parse('020200db'), 255), 219);
    assert.equal(readSmallInteger(parse('02020100')), 256);
  });

  test('integers in longer forms or out of range are refused', () => {
    assert.throws(() => readInteger(parse('0200')), malformed(/without content/));
    assert.throws(() => readInteger(parse('02020001')), malformed(/shortest form/));
    assert.throws(() => readInteger(parse('0202ff80')), malformed(/shortest form/));
    assert.throws(() => readSmallInteger(parse('0201ff')), malformed(/the integer -1; expected 0 to/));
    assert.throws(
      () => readSmallInteger(parse('02020100'), 255),
      malformed(/the integer 256; expected 0 to 255/),
    );
  });

  test('booleans are FF or 00', () => {
    assert.equal(readBoolean(readDer(derBoolean(true))), true);
    assert.equal(readBoolean(readDer(derBoolean(false))), false);
    for (const hex of ['0100', '010101', '01020000'])
      assert.throws(() => readBoolean(parse(hex)), malformed(/boolean/));
  });

  test('bit strings say how many bits do not count, and those are zero', () => {
    const octets = Uint8Array.of(1, 2, 0xf0);
    assert.deepEqual(readBitString(readDer(derBitString(octets, 4))), { octets, unusedBits: 4 });
    assert.deepEqual(readOctetsOfBitString(readDer(derBitString(octets))), octets);
    assert.deepEqual(readOctetsOfBitString(parse('030100')).length, 0);
    for (const hex of ['0300', '030108', '030101'])
      assert.throws(() => readBitString(parse(hex)), malformed(/count of unused bits/));
    assert.throws(() => readBitString(parse('03020401')), malformed(/unused bits are not zero/));
    assert.throws(() => readOctetsOfBitString(readDer(derBitString(octets, 4))), malformed(/4 unused bits/));
  });

  test('object identifiers are read as they were written', () => {
    const arc = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 39 }),
        fc.integer({ min: 0, max: 2 }),
        fc.array(arc, { maxLength: 8 }),
        (second, root, rest) => {
          const dotted = [root, second, ...rest].join('.');
          assert.equal(readOid(readDer(derOid(dotted))), dotted);
        },
      ),
    );
    assert.equal(readOid(readDer(derOid('2.999.3'))), '2.999.3');
    for (const [hex, found] of [
      ['0600', /cut off/],
      ['060181', /cut off/],
      ['06028001', /shortest form/],
      ['060aff8180808080808080807f'.replace('060a', '060b'), /beyond 2\^53/],
    ] as const)
      assert.throws(() => readOid(parse(hex)), malformed(found), hex);
  });

  test('texts keep to the alphabet of their type', () => {
    const printable = (text: string): Uint8Array =>
      derElement(tags.printableString, new TextEncoder().encode(text));
    assert.equal(readText(readDer(derUtf8String('Zürich ✓'))), 'Zürich ✓');
    assert.equal(readText(readDer(printable("A-z 0'()+,./:=?"))), "A-z 0'()+,./:=?");
    assert.equal(readText(readDer(derIa5String('a@b_c'))), 'a@b_c');
    assert.throws(() => readText(readDer(printable('a@b'))), malformed(/PrintableString/));
    assert.throws(() => readText(readDer(derIa5String('ü'))), malformed(/IA5String/));
    assert.throws(
      () => readText(readDer(derElement(tags.utf8String, Uint8Array.of(0xff)))),
      malformed(/not UTF-8/),
    );
    assert.throws(() => readText(readDer(derInteger(1))), malformed(/no text/));
  });

  test('times are read as they were written, second by second', () => {
    const most = Date.UTC(9999, 11, 31, 23, 59, 59);
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(1950, 0, 1) / 1000, max: most / 1000 }), (seconds) => {
        const milliseconds = seconds * 1000;
        assert.equal(readTime(readDer(derTime(milliseconds))), milliseconds);
        const date = new Date(milliseconds);
        assert.deepEqual(utcTime(milliseconds), {
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
          hour: date.getUTCHours(),
          minute: date.getUTCMinutes(),
          second: date.getUTCSeconds(),
        });
      }),
    );
    const generalized = (text: string): Uint8Array =>
      derElement(tags.generalizedTime, new TextEncoder().encode(text));
    assert.equal(readTime(readDer(generalized('20000229000000Z'))), Date.UTC(2000, 1, 29));
    for (const text of [
      '20260231000000Z',
      '19000229000000Z',
      '20261301000000Z',
      '20260001000000Z',
      '20260100000000Z',
      '20260101240000Z',
      '20260101006000Z',
      '20260101000060Z',
      '20260101000000',
      '20260101000000.5Z',
      '20260101000000+0100',
      '260101000000Z',
    ])
      assert.throws(() => readTime(readDer(generalized(text))), malformed(/time/), text);
    const utc = derElement(tags.utcTime, new TextEncoder().encode('20260101000000Z'));
    assert.throws(() => readTime(readDer(utc)), malformed(/form of RFC 5280/));
    assert.throws(() => readTime(readDer(derInteger(1))), malformed(/no time/));
  });
});
