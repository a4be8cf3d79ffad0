// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';

import { anchorFromPem, verifyEvidence } from '@enarx/attestation';
import { loaderImage } from '@enarx/attestation/measure';
import { decodeCbor, encodeCbor, EnarxError, type CborValue } from '@enarx/protocol';
import {
  createSimulatedProcessor,
  exportProcessor,
  importProcessor,
  type SimulatedProcessor,
} from '@enarx/simulator';

import { sharedProcessor } from '../../../test/support/simulated-processor.ts';

const { processor, file } = await sharedProcessor();
const exported = readFileSync(file);
const image = loaderImage({ wasmldr: new Uint8Array(1), runner: new Uint8Array(1), arguments: [] });

async function isGenuine(made: SimulatedProcessor): Promise<boolean> {
  const { report, endorsements } = await made.launch(image).report(new Uint8Array(64));
  const anchors = [await anchorFromPem(processor.anchorPem)];
  const { verified } = await verifyEvidence({
    evidence: report,
    endorsements: [endorsements],
    anchors,
    at: Date.UTC(2026, 5, 1),
  });
  return verified !== undefined;
}

async function refusal(bytes: Uint8Array): Promise<EnarxError> {
  try {
    await importProcessor(bytes);
  } catch (error) {
    assert.ok(error instanceof EnarxError, String(error));
    assert.equal(error.code, 'simulator/malformed');
    return error;
  }
  return assert.fail('it was taken');
}

/** The file with some of its items changed and a digest that fits. */
function filled(change: (items: CborValue[]) => void): Uint8Array {
  const items = (decodeCbor(exported, exported.length) as CborValue[]).slice(0, -1);
  change(items);
  return encodeCbor([...items, createHash('sha384').update(encodeCbor(items)).digest()]);
}

suite('the file of a simulated processor', () => {
  test('a processor read from it vouches under the same anchor, and is written to the same bytes', async () => {
    const read = await importProcessor(exported);
    assert.equal(read.anchorPem, processor.anchorPem);
    assert.ok(await isGenuine(read));
    assert.deepEqual(Buffer.from(await exportProcessor(read)), exported);
    assert.deepEqual(Buffer.from(await exportProcessor(processor)), exported);
  });

  test('it holds one private key, that of the chip: nobody can issue another chip from it', () => {
    const items = decodeCbor(exported, exported.length) as CborValue[];
    const keys = items.filter(
      (item) =>
        item instanceof Uint8Array && Buffer.from(item).includes(Buffer.from('06072a8648ce3d0201', 'hex')),
    );
    assert.equal(items.length, 7);
    assert.equal(keys.length, 2, 'the certificate of the chip and its key');
    assert.ok(
      !exported.includes(Buffer.from('020100300d06092a864886f70d010101', 'hex')),
      'no PKCS #8 RSA key',
    );
  });

  test('a file with any one bit turned is refused', async () => {
    for (let at = 0; at < exported.length; at += 1) {
      const bytes = Uint8Array.from(exported);
      bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
      await refusal(bytes);
    }
  });

  test('a file that is cut off anywhere is refused, and so is one that goes on', async () => {
    for (let length = 0; length < exported.length; length += 97) await refusal(exported.subarray(0, length));
    await refusal(Buffer.concat([exported, Buffer.of(0)]));
    await refusal(new Uint8Array(20_000));
  });

  test('a whole file with parts of the wrong kind is refused, and says which', async () => {
    const cases: readonly [(items: CborValue[]) => void, RegExp][] = [
      [(items) => (items[0] = 'enarx-simulated-processor/2'), /another kind of file/],
      [(items) => items.pop(), /another kind of file/],
      [(items) => items.push(0), /another kind of file/],
      [(items) => (items[1] = 'text'), /no byte string/],
      [(items) => (items[4] = new Uint8Array(63)), /chip id/],
      [(items) => (items[5] = new Uint8Array(10)), /key/],
    ];
    await importProcessor(filled(() => undefined));
    for (const [change, found] of cases) assert.match((await refusal(filled(change))).message, found);
  });

  test('another CBOR item is another kind of file', async () => {
    assert.match((await refusal(encodeCbor({}))).message, /another kind of file/);
    assert.match((await refusal(encodeCbor('x'))).message, /another kind of file/);
    const items = decodeCbor(exported, exported.length) as CborValue[];
    assert.match((await refusal(encodeCbor([...items.slice(0, -1), 'x']))).message, /digest/);
  });

  test('what is no processor of ours cannot be exported', async () => {
    const forged = { anchorPem: '', launch: () => assert.fail() } as unknown as SimulatedProcessor;
    await assert.rejects(exportProcessor(forged), TypeError);
  });

  test('reading one takes no time that a start would notice', async () => {
    let shortest = Infinity;
    for (let i = 0; i < 20; i += 1) {
      const began = performance.now();
      await importProcessor(exported);
      shortest = Math.min(shortest, performance.now() - began);
    }
    assert.ok(shortest < 20, `${String(shortest)} ms`);
  });
});

test('a processor made from another start has its own keys, chip and time', async () => {
  const made = await createSimulatedProcessor({ from: Date.UTC(2030, 0, 1) });
  assert.notEqual(made.anchorPem, processor.anchorPem);
  assert.equal(await isGenuine(made), false);
  const { report, endorsements } = await made.launch(image).report(new Uint8Array(64));
  const anchors = [await anchorFromPem(made.anchorPem)];
  const verifiedAt = async (at: number): Promise<boolean> =>
    (await verifyEvidence({ evidence: report, endorsements: [endorsements], anchors, at })).verified !==
    undefined;
  assert.equal(await verifiedAt(Date.UTC(2029, 11, 31)), false);
  assert.equal(await verifiedAt(Date.UTC(2030, 0, 1)), true);
});
