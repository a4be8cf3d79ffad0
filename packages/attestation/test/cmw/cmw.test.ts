// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { awsAnchors, verifyEvidence } from '@enarx/attestation';
import { concatBytes, EnarxError, encodeCbor, fromHex, type CborValue } from '@enarx/protocol';

import {
  contentFormatOfTag,
  indicators,
  readCmw,
  tagOfContentFormat,
  unwrapEvidence,
  writeCborCmw,
  writeJsonCmw,
  type Cmw,
  type CmwRecord,
} from '../../src/cmw/index.ts';
import { unwrapIfWrapped } from '../../src/cmw/unwrap.ts';
import { DerReader, tags, readOid } from '../../src/der/index.ts';
import {
  nitroVector,
  nitroVectors,
  ratsVector,
  ratsVectors,
  withoutNitroVectors,
  withoutRatsVectors,
} from '../support/indexed-vectors.ts';

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(' ', '')) as Uint8Array;
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const isMalformed =
  (found: RegExp) =>
  (error: unknown): boolean =>
    error instanceof EnarxError &&
    ['cmw/malformed', 'cose/cbor-malformed'].includes(String(error.code)) &&
    found.test(error.message);
const record = (type: string | number, value: Uint8Array, indicator?: number): CmwRecord => ({
  kind: 'record',
  type,
  value,
  indicator,
});
const bytes = hex('2347da55');

suite('wrappers of others', { skip: withoutRatsVectors }, () => {
  for (const { file, kind } of ratsVectors) {
    if (kind !== 'cmw' || !/\.(json|cbor)$/.test(file) || file.includes('eat-example')) continue;
    test(`${file} is read, and written again says the same`, () => {
      const original = new Uint8Array(ratsVector(file));
      const cmw = readCmw(original);
      const again = file.endsWith('.json') ? new TextEncoder().encode(writeJsonCmw(cmw)) : writeCborCmw(cmw);
      assert.deepEqual(readCmw(again), cmw);
    });
  }

  test('say what the draft says', () => {
    const folder = 'ietf-rats-wg+draft-ietf-rats-msg-wrap/cddl';
    assert.deepEqual(
      readCmw(ratsVector(`${folder}/cmw-example-2.json`)),
      record('application/eat+cwt; eat_profile="tag:psacertified.org,2023:psa#tfm"', bytes),
    );
    const collection = readCmw(ratsVector(`${folder}/collection-example-2.json`));
    assert.ok(collection.kind === 'collection');
    assert.equal(collection.type, 'tag:example.com,2024:another-composite-attester');
    assert.deepEqual(collection.items.get('attester B'), record('application/eat-ucs+cbor', hex('a0'), 4));
    const mixed = readCmw(new Uint8Array(ratsVector('veraison+cmw/testdata/collection-cbor-ok.cbor')));
    assert.ok(mixed.kind === 'collection');
    assert.deepEqual([...mixed.items.keys()], [1, 2, 's']);
    assert.deepEqual(mixed.items.get(2), record(29_884, bytes));
    // The token around it is another format; its claim is a collection.
    const { cmw } = JSON.parse(ratsVector(`${folder}/eat-example-1.json`).toString()) as { cmw: unknown };
    assert.equal(readCmw(json(cmw)).kind, 'collection');
  });

  for (const name of ['cbor', 'json'])
    test(`the extension of a certificate holds a wrapper in ${name}`, () => {
      const certificate = ratsVector(`veraison+cmw/testdata/x509-cert+${name}-cmw.der`);
      assert.equal(readCmw(cmwExtension(certificate)).kind, 'collection');
    });
});

/** Content of id-pe-cmw, a choice of text and octets; the certificate's own algorithm is one that we do not verify. */
function cmwExtension(certificate: Uint8Array): Uint8Array {
  const body = new DerReader(certificate).next(tags.sequence).reader().next(tags.sequence).reader();
  let extensions: DerReader | undefined;
  while (!body.atEnd) extensions = body.next().reader();
  const list = (extensions as DerReader).next(tags.sequence).reader();
  while (!list.atEnd) {
    const extension = list.next(tags.sequence).reader();
    const oid = readOid(extension.next(tags.oid));
    if (oid === '1.3.6.1.5.5.7.1.35')
      return new DerReader(extension.next(tags.octetString).content).next().content;
  }
  throw new Error('no wrapper');
}

test('content formats have the tags of RFC 9277, and no other tag names one', () => {
  assert.equal(tagOfContentFormat(0), 1668546817);
  assert.equal(tagOfContentFormat(64_999), 1668612070);
  assert.equal(tagOfContentFormat(65_024), 1668612095);
  assert.equal(tagOfContentFormat(65_025), undefined);
  assert.equal(tagOfContentFormat(-1), undefined);
  for (let format = 0; format <= 65_024; format += 1)
    assert.equal(contentFormatOfTag(tagOfContentFormat(format) as number), format);
  for (const tag of [0, 1668546816, 1668547072, 1668612096, 2n ** 63n])
    assert.equal(contentFormatOfTag(tag), undefined);
});

suite('a wrapper', () => {
  const forms: readonly Cmw[] = [
    record('application/eat+cwt', bytes),
    record(64_999, bytes, indicators.evidence),
    {
      kind: 'collection',
      type: 'tag:example.com,2024:composite-attester',
      items: new Map<string | number, Cmw>([
        [0, record(64_999, bytes, 4)],
        ['inner', { kind: 'collection', type: undefined, items: new Map([[-1, record(1, bytes)]]) }],
      ]),
    },
  ];
  for (const cmw of forms)
    test(`${cmw.kind} ${String(cmw.type)} comes back as it was written`, () => {
      assert.deepEqual(readCmw(writeCborCmw(cmw)), cmw);
    });

  test('as a tag says its content format and no indicator', () => {
    assert.deepEqual(readCmw(hex('da 6374ffe6 44 2347da55')), record(64_999, bytes));
  });

  test('in JSON has no numbers', () => {
    assert.throws(() => writeJsonCmw(record(1, bytes)), isMalformed(/content format 1/));
    const byNumber: Cmw = {
      kind: 'collection',
      type: undefined,
      items: new Map([[1, record('a/b', bytes)]]),
    };
    assert.throws(() => writeJsonCmw(byNumber), isMalformed(/the label 1/));
    const good: Cmw = { kind: 'collection', type: 'x:y', items: new Map([['a', record('a/b', bytes, 8)]]) };
    assert.equal(writeJsonCmw(good), '{"__cmwc_t":"x:y","a":["a/b","I0faVQ",8]}');
  });

  const cborCases: readonly (readonly [CborValue, RegExp])[] = [
    [5, /neither a record, a tag nor a collection/],
    [[], /a type that is neither/],
    [[-1, bytes], /a type that is neither/],
    [[0x1_0000, bytes], /a type that is neither/],
    [['a/b'], /a value that is no byte string/],
    [['a/b', 'text'], /a value that is no byte string/],
    [['ab', bytes], /no media type/],
    [['a/b', bytes, 0], /an indicator that is none/],
    [['a/b', bytes, 32], /an indicator that is none/],
    [['a/b', bytes, 4, 4], /a record of 4/],
    [new Map(), /a collection of 0/],
    [new Map(Array.from({ length: 65 }, (_, index) => [index, ['a/b', bytes]])), /a collection of 65/],
    [new Map([['__cmwc_t', 'x:y']]), /a collection of 0/],
    [
      new Map<CborValue, CborValue>([
        ['__cmwc_t', 1],
        [1, ['a/b', bytes]],
      ]),
      /__cmwc_t that is no text/,
    ],
    [new Map([[2n ** 60n, ['a/b', bytes]]]), /a label beyond all numbers/],
  ];
  for (const [value, reason] of cborCases)
    test(`is refused: ${String(reason)}`, () => {
      assert.throws(() => readCmw(encodeCbor(value)), isMalformed(reason));
    });

  test('is refused in JSON for the like of it', () => {
    const refused = (value: unknown, reason: RegExp): void => {
      assert.throws(() => readCmw(json(value)), isMalformed(reason));
    };
    refused([1, 'AA'], /a type that is no text/);
    refused(['a/b', 5], /no base64url/);
    refused(['a/b', 'A+=='], /no base64url/);
    refused(['a/b', 'AA', '4'], /an indicator that is none/);
    refused({ a: 5 }, /neither a record nor a collection/);
    refused({ a: null }, /neither a record nor a collection/);
    assert.throws(() => readCmw(new TextEncoder().encode('[')), isMalformed(/no JSON/));
    assert.throws(
      () => readCmw(new TextEncoder().encode('{"\\uD800":["a/b","AA"]}')),
      isMalformed(/no JSON/),
    );
    assert.throws(() => readCmw(Uint8Array.of(0x5b, 0xff)), isMalformed(/no JSON/));
    assert.throws(() => readCmw(new TextEncoder().encode('["a/b\\uD800","AA"]')), isMalformed(/no JSON/));
    assert.equal(readCmw(new TextEncoder().encode('{"\\uD83D\\uDE00":["a/b","AA"]}')).kind, 'collection');
  });

  test('is refused when it is too large, too deep, or a tag of other things', () => {
    assert.throws(() => readCmw(new Uint8Array(1_048_577)), isMalformed(/1048577 bytes/));
    const nested = (levels: number): CborValue =>
      levels === 0 ? ['a/b', bytes] : new Map([[1, nested(levels - 1)]]);
    assert.equal(readCmw(encodeCbor(nested(4))).kind, 'collection');
    assert.throws(() => readCmw(encodeCbor(nested(5))), isMalformed(/more than 4 collections/));
    assert.throws(() => readCmw(hex('da 6374ffe6 00')), isMalformed(/a tag before other things/));
    assert.throws(() => readCmw(hex('c1 40')), isMalformed(/the tag 1/));
  });
});

suite('evidence in a wrapper', () => {
  test('is what says so, or all of a record that says nothing', () => {
    assert.deepEqual(unwrapEvidence(writeCborCmw(record('a/b', bytes))), {
      evidence: bytes,
      endorsements: [],
    });
    assert.deepEqual(unwrapEvidence(writeCborCmw(record('a/b', bytes, 6))).evidence, bytes);
    assert.throws(
      () => unwrapEvidence(writeCborCmw(record('a/b', bytes, 8))),
      isMalformed(/the indicator 8/),
    );
    const endorsement = Uint8Array.of(1);
    const items = new Map<string, Cmw>([
      ['e', record('a/b', bytes, 4)],
      ['c', { kind: 'collection', type: undefined, items: new Map([['x', record('a/b', endorsement, 2)]]) }],
      ['r', record('a/b', endorsement, 8)],
      ['n', record('a/b', endorsement)],
    ]);
    const collection: Cmw = { kind: 'collection', type: undefined, items };
    for (const form of [writeCborCmw(collection), new TextEncoder().encode(writeJsonCmw(collection))])
      assert.deepEqual(unwrapIfWrapped(form), { evidence: bytes, endorsements: [endorsement] });
  });

  test('is one piece, no more and no less', () => {
    const of = (...marks: number[]): Uint8Array =>
      writeCborCmw({
        kind: 'collection',
        type: undefined,
        items: new Map(marks.map((mark, index) => [index, record('a/b', bytes, mark)])),
      });
    assert.throws(() => unwrapEvidence(of(2)), isMalformed(/0 pieces of evidence/));
    assert.throws(() => unwrapEvidence(of(4, 4)), isMalformed(/2 pieces of evidence/));
  });

  test('is not taken out of a record of indefinite length', async () => {
    const whole = writeCborCmw(record('application/x', bytes, 4));
    const indefinite = concatBytes(hex('9f'), whole.subarray(1), hex('ff'));
    assert.deepEqual(unwrapIfWrapped(whole)?.evidence, bytes);
    const refused = isMalformed(/a record of indefinite length/);
    assert.throws(() => readCmw(indefinite), refused);
    assert.throws(() => unwrapIfWrapped(indefinite), refused);
    await assert.rejects(
      verifyEvidence({ evidence: indefinite, endorsements: [], anchors: awsAnchors, at: 0 }),
      refused,
    );
  });

  test('is not looked for in what is none', () => {
    for (const other of [
      '',
      '02',
      '0200000000',
      '84',
      '82',
      '829f',
      '827a',
      'da6375',
      'a101',
      'a0',
      '7b7d',
      '7b22',
      'c0',
      '3082',
    ])
      assert.equal(unwrapIfWrapped(hex(other)), undefined, other);
    assert.equal(unwrapIfWrapped(hex('9f9f')), undefined);
    for (const damaged of ['8261', '8300', 'da6374', '8218ff'])
      assert.throws(() => unwrapIfWrapped(hex(damaged)), isMalformed(/./), damaged);
    // In JSON a record begins with a media type, whose slash may be escaped; a list of other things is another format's.
    for (const damaged of ['["a/b"', '[ "application\\/cbor"'])
      assert.throws(() => unwrapIfWrapped(new TextEncoder().encode(damaged)), isMalformed(/./), damaged);
    for (const list of ['[', '[{"quote":""}]', '["AA","BB"]'])
      assert.equal(unwrapIfWrapped(new TextEncoder().encode(list)), undefined, list);
  });

  test('is verified as if it were bare, in every form', { skip: withoutNitroVectors }, async () => {
    const [{ file, verifyAt }] = nitroVectors as [(typeof nitroVectors)[0]];
    const document = nitroVector(file);
    const one = record('application/vnd.example.nitro', document, indicators.evidence);
    const collection: Cmw = { kind: 'collection', type: 'x:y', items: new Map([['nitro', one]]) };
    const forms = [
      writeCborCmw(one),
      new TextEncoder().encode(writeJsonCmw(one)),
      concatBytes(hex('da 6374ffe6'), encodeCbor(document)),
      writeCborCmw(collection),
      new TextEncoder().encode(`\n ${writeJsonCmw(collection)}`),
    ];
    for (const [index, evidence] of forms.entries()) {
      const options = { endorsements: [], anchors: awsAnchors, at: Date.parse(verifyAt) };
      if (index === 4) {
        await assert.rejects(verifyEvidence({ ...options, evidence }), EnarxError);
        continue;
      }
      assert.ok((await verifyEvidence({ ...options, evidence })).verified, String(index));
      await assert.rejects(
        verifyEvidence({ ...options, evidence: concatBytes(evidence, Uint8Array.of(0x78)) }),
        EnarxError,
      );
    }
  });
});
