// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';

import { vendorAnchors, verifyEvidence } from '@enarx/attestation';
import { decodeCbor, EnarxError, encodeCbor, type CborValue } from '@enarx/protocol';
import fc from 'fast-check';

import { mutantsOf } from '../../../../test/support/cddl/mutate.ts';
import { parseCddl } from '../../../../test/support/cddl/parse.ts';
import { mismatch } from '../../../../test/support/cddl/validate.ts';

import {
  collateralKinds,
  collectCollateral,
  encodeBundle,
  looksLikeBundle,
  readBundle,
  type CollateralItem,
} from '../../src/bundle/index.ts';
import { nitroVector, nitroVectors } from '../support/indexed-vectors.ts';
import { otherVector, samples, vector, vectors, withoutVectors as skip } from '../support/vectors.ts';

const isMalformed =
  (found: RegExp) =>
  (error: unknown): boolean =>
    error instanceof EnarxError && error.code === 'bundle/malformed' && found.test(error.message);

const item = (kind: CollateralItem['kind'], ...bytes: number[]): CollateralItem => ({
  kind,
  content: Uint8Array.from(bytes),
});

test('an event log is no collateral, whatever its form: it belongs to one quote', () => {
  const log = readFileSync(join(import.meta.dirname, '../intel/fixtures/cos-113-ccel.bin'));
  for (const file of [log, new TextEncoder().encode('[{"imr":0}]')])
    assert.throws(() => collectCollateral([file]), isMalformed(/an event log, which belongs to one quote/));
});

suite('a bundle', () => {
  const items = [
    item('certificate', 1),
    item('certificate', 1, 2),
    item('revocation-list', 0),
    item('tcb-info', 9),
  ];

  test('is the same for the same items, whatever their order and number', () => {
    const bytes = encodeBundle(items);
    assert.deepEqual(encodeBundle([...items, ...items].reverse()), bytes);
    assert.deepEqual(readBundle(bytes), items);
    assert.equal(looksLikeBundle(bytes), true);
    for (const other of [new Uint8Array(0), bytes.subarray(1), bytes.subarray(0, 10)])
      assert.equal(looksLikeBundle(other), false);
  });

  test('is refused when it is none, or not the one encoding of what it holds', () => {
    const refused = (value: CborValue, reason: RegExp): void => {
      assert.throws(() => readBundle(encodeCbor(value)), isMalformed(reason));
    };
    const mark = 'enarx-collateral/1';
    const one = Uint8Array.of(1);
    refused([], /another kind of file/);
    refused(['enarx-collateral/2', []], /another kind of file/);
    refused([mark, 5], /another kind of file/);
    refused([mark, []], /0 items/);
    refused([mark, [5]], /no pair/);
    refused([mark, [[0, one, one]]], /no pair/);
    refused([mark, [[5, one]]], /a kind that is not known/);
    refused([mark, [['0', one]]], /a kind that is not known/);
    refused([mark, [[0, 'text']]], /a certificate that is no byte string/);
    refused([mark, [[0, new Uint8Array(0)]]], /a certificate that is no byte string/);
    refused(
      [
        mark,
        [
          [0, one],
          [0, one],
        ],
      ],
      /out of order or twice/,
    );
    refused(
      [
        mark,
        [
          [1, one],
          [0, one],
        ],
      ],
      /out of order or twice/,
    );
    refused(
      [mark, Array.from({ length: 257 }, (_, index) => [0, Uint8Array.of(index >> 8, index)])],
      /257 items/,
    );
    assert.throws(() => readBundle(Uint8Array.of(0x82)), isMalformed(/./));
    assert.throws(() => readBundle(new Uint8Array(1_048_577)), isMalformed(/./));
    assert.throws(() => encodeBundle([]), isMalformed(/0 items/));
    assert.throws(
      () => encodeBundle([{ kind: 'certificate', content: new Uint8Array(1_048_576) }]),
      isMalformed(/1 items in/),
    );
  });

  test('keeps the rule of bundle.cddl, and the reader takes nothing that breaks it', () => {
    const cddl = readFileSync(join(import.meta.dirname, '../../bundle.cddl'), 'utf8');
    const kinds = [...cddl.matchAll(/^([a-z-]+) = (\d) /gm)].map(([, name, number]) => [
      name,
      Number(number),
    ]);
    assert.deepEqual(
      kinds,
      collateralKinds.map((kind, index) => [kind, index]),
    );
    const rules = parseCddl(cddl);
    const good = decodeCbor(encodeBundle(items), 1024);
    assert.equal(mismatch(rules, 'bundle', good), undefined);
    fc.assert(
      fc.property(mutantsOf(good), (mutant) => {
        let read = true;
        try {
          readBundle(encodeCbor(mutant));
        } catch (error) {
          assert.ok(error instanceof EnarxError);
          read = false;
        }
        // The rule says nothing of order, so that it may let pass what the reader refuses.
        assert.ok(!read || mismatch(rules, 'bundle', mutant) === undefined);
      }),
      { numRuns: 500 },
    );
  });
});

suite('collateral of three vendors in one bundle', { skip }, () => {
  const intelFiles = (
    JSON.parse(otherVector('tdx/INDEX.json').toString()) as {
      readonly file: string;
      readonly kind: string;
      readonly class?: string;
      readonly level?: string;
      readonly verifyAt: string;
      readonly collateral: readonly { readonly file: string }[];
    }[]
  ).find(
    ({ kind, class: negative, level }) => kind === 'tdx-quote' && negative === undefined && level === 'full',
  );
  const root = 'aws-nitro-root/aws-nitro-enclaves-root-g1.pem';
  const sevFile = vectors.find(({ kind }) => kind === 'sev-cert')?.file;

  test('serves evidence of each, and nothing of one vendor disturbs another', async () => {
    assert.ok(intelFiles);
    const files = [
      vector(samples.milan.vek),
      nitroVector(root),
      ...intelFiles.collateral.map(({ file }) => otherVector(`tdx/${file}`)),
    ];
    const collected = collectCollateral(files);
    const kinds = new Set(collected.map(({ kind }) => kind));
    for (const kind of ['certificate', 'revocation-list', 'tcb-info', 'enclave-identity'])
      assert.ok(kinds.has(kind as CollateralItem['kind']), kind);
    const bundle = encodeBundle(collected);
    // What is in a bundle goes into the next one as it is.
    assert.deepEqual(encodeBundle(collectCollateral([bundle])), bundle);
    const verify = async (evidence: Uint8Array, at: string): Promise<void> => {
      const { verified, checks } = await verifyEvidence({
        evidence,
        endorsements: [bundle],
        anchors: vendorAnchors,
        at: Date.parse(at),
      });
      assert.ok(verified, JSON.stringify(checks.filter(({ status }) => status === 'fail')));
    };
    await verify(vector(samples.milan.report), samples.milan.at);
    await verify(otherVector(`tdx/${intelFiles.file}`), intelFiles.verifyAt);
    const [nitro] = nitroVectors as [(typeof nitroVectors)[0]];
    await verify(nitroVector(nitro.file), nitro.verifyAt);
    const damaged = bundle.subarray(0, -1);
    await assert.rejects(
      verifyEvidence({
        evidence: vector(samples.milan.report),
        endorsements: [damaged],
        anchors: vendorAnchors,
        at: 0,
      }),
      isMalformed(/./),
    );
  });

  test('says of each what it is and until when', () => {
    assert.ok(intelFiles);
    for (const { kind, title, from, until, number } of collectCollateral(
      intelFiles.collateral.map(({ file }) => otherVector(`tdx/${file}`)),
    )) {
      assert.notEqual(title, '');
      assert.ok(from !== undefined && until !== undefined && from < until, kind);
      assert.equal(typeof number, kind === 'certificate' ? 'undefined' : 'bigint');
    }
  });

  test('takes certificates of legacy SEV whole, in binary and in base64', () => {
    const platform = vector(sevFile as string);
    for (const file of [platform, Buffer.from(platform.toString('base64'))]) {
      const [only] = collectCollateral([file]);
      assert.equal(only?.kind, 'sev-certificate');
      assert.equal(only.from, undefined);
    }
  });

  test('is not made of what is no collateral', () => {
    assert.throws(
      () => collectCollateral([vector(samples.milan.vek), Buffer.from('{}')]),
      isMalformed(/file 2: /),
    );
  });
});
