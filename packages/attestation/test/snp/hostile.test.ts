// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { EnarxError } from '@enarx/protocol';

import { vendorAnchors } from '../../src/anchors.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { KeyCache } from '../../src/x509/key-cache.ts';
import { long, samples, vector, vectors, withoutVectors } from '../support/vectors.ts';
import { verifiedClaims } from '../support/verifying.ts';

const at = Date.parse(samples.turin.at);
const keys = new KeyCache();

/** Refused by a check or by a typed error. Anything else fails the test: an exception of another kind goes through. */
async function assertRefused(
  evidence: Uint8Array,
  endorsements: readonly Uint8Array[],
  what: string,
): Promise<void> {
  try {
    const result = await verifyEvidence({ evidence, endorsements, anchors: vendorAnchors, at, keys });
    assert.equal(result.verified, undefined, `${what} was verified`);
    assert.ok(result.checks.some(({ status }) => status === 'fail'));
  } catch (error) {
    if (!(error instanceof EnarxError) || (error.kind !== 'malformed' && error.kind !== 'unsupported'))
      throw error;
  }
}

const flipped = (bytes: Uint8Array, index: number, bit: number): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  copy[index] = (copy[index] as number) ^ (1 << bit);
  return copy;
};

/** Each when run by hand with ENARX_LONG=1; otherwise every `step`th. */
function* positions(length: number, step: number): Generator<number> {
  const stride = long ? 1 : step;
  for (let index = 0; index < length; index += stride) yield index;
}

describe('hostile bytes', { skip: withoutVectors }, () => {
  test('every single-byte flip of a report is refused', async () => {
    const report = vector(samples.turin.report);
    const vek = vector(samples.turin.vek);
    for (const index of positions(report.length, 1)) {
      for (const bit of long ? [0, 1, 2, 3, 4, 5, 6, 7] : [index % 8])
        await assertRefused(flipped(report, index, bit), [vek], `byte ${String(index)}, bit ${String(bit)}`);
    }
  });

  test('every single-byte flip of an endorsement key certificate is refused', async () => {
    const report = vector(samples.genoaV5.report);
    const vek = vector(samples.genoaV5.vek);
    for (const index of positions(vek.length, 2))
      await assertRefused(report, [flipped(vek, index, index % 8)], `byte ${String(index)}`);
  });

  test('every truncation of a report and of a certificate is refused', async () => {
    const report = vector(samples.genoaV5.report);
    const vek = vector(samples.genoaV5.vek);
    for (const length of positions(report.length, 1))
      await assertRefused(report.subarray(0, length), [vek], String(length));
    for (const length of positions(vek.length, 3))
      await assertRefused(report, [vek.subarray(0, length)], String(length));
  });

  test('every truncation of every sample of evidence is refused, in bounded time', async () => {
    const kinds =
      /^(snp-report|snp-report-hex|azure-.*|enarx-snp-csr|sev-guest-ioctl-response|configfs-tsm-json|trustee-.*)$/;
    let tried = 0;
    let slowest = 0;
    for (const { file } of vectors.filter(({ kind }) => kinds.test(kind))) {
      const bytes = vector(file);
      // White space at the end of a text is no part of what it says.
      const whole = bytes.toString('latin1').trimEnd().length;
      for (const length of positions(Math.min(whole, bytes.length), Math.ceil(bytes.length / 97))) {
        const start = performance.now();
        await assertRefused(bytes.subarray(0, length), [], `${file} cut to ${String(length)}`);
        slowest = Math.max(slowest, performance.now() - start);
        tried += 1;
      }
    }
    assert.ok(tried > 2000, String(tried));
    // Not a benchmark: two orders of magnitude above what one costs on a busy machine.
    assert.ok(slowest < 2000, `${String(slowest)} ms`);
  });

  test('every truncation and flip of a certificate table is refused or endorses nothing else', async () => {
    const base = 'veraison+services/scheme/sevsnp/test/evidence/sevsnp-tsm-report.json';
    const report = vector(`${base}.report.bin`);
    const table = vector(`${base}.auxblob.bin`);
    const time = Date.parse('2025-05-20T18:31:36Z');
    const verify = async (changed: Uint8Array, what: string): Promise<void> => {
      try {
        const result = await verifyEvidence({
          evidence: report,
          endorsements: [changed],
          anchors: vendorAnchors,
          at: time,
          keys,
        });
        // A flip in the unsigned parts, a PEM comment or a GUID, may leave a good chain; what it proves is the same.
        if (result.verified !== undefined) assert.deepEqual(verifiedClaims(result).product, 'Genoa', what);
      } catch (error) {
        if (!(error instanceof EnarxError)) throw error;
      }
    };
    for (const index of positions(table.length, 7)) {
      await verify(flipped(table, index, index % 8), `byte ${String(index)}`);
      await verify(table.subarray(0, index), `cut to ${String(index)}`);
    }
  });

  test('evidence and endorsements beyond their limits are refused before they are read', async () => {
    const big = new Uint8Array(1_048_577);
    const report = vector(samples.turin.report);
    const options = { anchors: vendorAnchors, at };
    await assert.rejects(verifyEvidence({ evidence: big, endorsements: [], ...options }), {
      code: 'evidence/too-large',
    });
    await assert.rejects(verifyEvidence({ evidence: report, endorsements: [big], ...options }), {
      code: 'evidence/too-large',
    });
    const pieces = Array.from({ length: 1025 }, () => Uint8Array.of(0x30));
    await assert.rejects(verifyEvidence({ evidence: report, endorsements: pieces, ...options }), {
      code: 'evidence/too-large',
      found: /1025 pieces/,
    });
    const { checks } = await verifyEvidence({ evidence: report, endorsements: pieces.slice(1), ...options });
    assert.equal(checks.find(({ id }) => id === 'snp/endorsements-readable')?.status, 'fail');
  });

  test('what cannot be read says whether it is broken or not known here', async () => {
    const options = { endorsements: [], anchors: vendorAnchors, at };
    const unreadable = async (evidence: Uint8Array) =>
      (await verifyEvidence({ evidence, ...options })).unreadable;
    const json = (bytes: number, version: number) => {
      const report = Buffer.alloc(bytes);
      report[0] = version;
      return new TextEncoder().encode(JSON.stringify({ attestation_report: report.toString('hex') }));
    };
    assert.equal(await unreadable(json(1184, 9)), 'unsupported');
    assert.equal(await unreadable(json(1183, 2)), 'malformed');
    assert.equal(await unreadable(vector(samples.turin.report)), undefined);
  });

  test('nesting and repetition that would take for ever are refused at once', async () => {
    const text = new TextEncoder();
    const deepJson = text.encode(`{"outblob":${'['.repeat(500_000)}`);
    const deepDer = new Uint8Array(1_000_000).fill(0x30);
    const many = new Uint8Array(400_000).fill(0);
    for (let index = 0; index + 24 < many.length; index += 24) many.set([0x63, 0xda, 0x75, 0x8d], index);
    const start = performance.now();
    for (const evidence of [
      deepJson,
      deepDer,
      many,
      text.encode('A'.repeat(1_000_001)),
      text.encode('{'.repeat(1_000_000)),
    ])
      await assertRefused(evidence, [], 'nonsense');
    for (const endorsement of [deepJson, deepDer, many, text.encode('-----BEGIN A-----\n'.repeat(50_000))])
      await assertRefused(vector(samples.turin.report), [endorsement], 'nonsense');
    assert.ok(performance.now() - start < 10_000);
  });

  test('the caller’s memory is neither changed nor trusted to stay the same', async () => {
    const report = Buffer.from(vector(samples.turin.report));
    const before = Uint8Array.from(report);
    const pending = verifyEvidence({
      evidence: report,
      endorsements: [vector(samples.turin.vek)],
      anchors: vendorAnchors,
      at,
    });
    assert.deepEqual(Uint8Array.from(report), before);
    report.fill(0);
    const result = await pending;
    assert.deepEqual(verifiedClaims(result).report.measurement, before.subarray(0x90, 0xc0));
  });
});
