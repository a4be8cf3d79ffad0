// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { EnarxError } from '@enarx/protocol';

import { vendorAnchors } from '../../src/anchors.ts';
import type { Claims } from '../../src/verification.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { KeyCache } from '../../src/x509/key-cache.ts';
import { collateralOf, intelFile, intelVectors, withoutVectors, type IntelVector } from './vectors.ts';

/** One in so many, of bits and of lengths; with ENARX_LONG=1 all. */
const step = process.env['ENARX_LONG'] === '1' ? 1 : 53;

const samples = ([3, 4, 5] as const).map(
  (version) =>
    intelVectors.find(
      ({ kind, class: sort, level, expected = {} }) =>
        kind.endsWith('-quote') &&
        sort === undefined &&
        level === 'full' &&
        expected['valid'] === true &&
        expected['quoteVersion'] === version,
    ) as IntelVector,
);

/** What was verified, `undefined` when it was refused. Nothing but errors of ours may be thrown. */
async function judge(
  sample: IntelVector,
  evidence: Uint8Array,
  endorsements: readonly Uint8Array[],
  keys: KeyCache,
): Promise<Claims | undefined> {
  try {
    const at = Date.parse(sample.verifyAt as string);
    const { verified } = await verifyEvidence({ evidence, endorsements, anchors: vendorAnchors, at, keys });
    return verified?.claims;
  } catch (error) {
    assert.ok(error instanceof EnarxError, String(error));
    return undefined;
  }
}

describe('a genuine quote', { skip: withoutVectors }, () => {
  for (const sample of samples)
    test(`${sample.tee}/${sample.file}: no flipped bit says anything else, and no lost end says anything`, async () => {
      const keys = new KeyCache();
      const bytes = new Uint8Array(intelFile(sample.tee, sample.file));
      const endorsements = collateralOf(sample).map((file): Uint8Array => new Uint8Array(file));
      const claims = await judge(sample, bytes, endorsements, keys);
      assert.ok(claims);
      let harmless = 0;
      for (let bit = 0; bit < 8 * bytes.length; bit += step) {
        const flipped = Uint8Array.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        const other = await judge(sample, flipped, endorsements, keys);
        if (other === undefined) continue;
        // White space in PEM is nobody's words; and a certificate that got lost may be among the collateral, too.
        assert.deepEqual(other, claims, `bit ${String(bit)}`);
        harmless += 1;
      }
      assert.ok(harmless < (8 * bytes.length) / step / 10, `${String(harmless)} bits did not matter`);
      const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
      for (let length = 0; length < end - 1; length += step)
        assert.equal(await judge(sample, bytes.subarray(0, length), endorsements, keys), undefined);
    });

  for (const sample of samples)
    test(`${sample.tee}/${sample.file}: no flipped bit and no lost end of its collateral makes it say anything else`, async () => {
      const bytes = new Uint8Array(intelFile(sample.tee, sample.file));
      const endorsements = collateralOf(sample).map((file): Uint8Array => new Uint8Array(file));
      const keys = new KeyCache();
      const claims = await judge(sample, bytes, endorsements, keys);
      for (const [index, file] of endorsements.entries()) {
        const verify = (changed: Uint8Array): Promise<Claims | undefined> =>
          judge(sample, bytes, endorsements.with(index, changed), keys);
        for (let bit = 0; bit < 8 * file.length; bit += 17 * step) {
          const flipped = Uint8Array.from(file);
          flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
          const other = await verify(flipped);
          if (other !== undefined)
            assert.deepEqual(other, claims, `bit ${String(bit)} of file ${String(index)}`);
        }
        for (let length = 0; length < file.length - 2; length += 17 * step) {
          const other = await verify(file.subarray(0, length));
          // A lost root of the signer’s chain is in the quote as well.
          if (other !== undefined) assert.deepEqual(other, claims);
        }
      }
    });
});
