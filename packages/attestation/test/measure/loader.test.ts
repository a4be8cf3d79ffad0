// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import {
  loaderImage,
  loaderMeasurement,
  loaderSevMeasurement,
  type LoaderParts,
} from '@enarx/attestation/measure';
import { encodeCbor, toHex } from '@enarx/protocol';

const parts: LoaderParts = {
  wasmldr: Uint8Array.from({ length: 5000 }, (_, i) => i),
  runner: Uint8Array.from({ length: 4096 }, (_, i) => 7 * i),
  arguments: ['--permission', 'RELEASE/wasmldr.js'],
};

const measured = async (changed: Partial<LoaderParts>): Promise<string> =>
  toHex(await loaderMeasurement(loaderImage({ ...parts, ...changed })));

test('the image holds a head, then each file from a page boundary on', () => {
  const { gpa, pages } = loaderImage(parts);
  assert.equal(gpa, 0x10_0000n);
  assert.equal(pages.length, 4 * 4096);
  assert.deepEqual(pages.subarray(4096, 4096 + 5000), parts.wasmldr);
  assert.deepEqual(pages.subarray(4096 + 5000, 3 * 4096), new Uint8Array(2 * 4096 - 5000));
  assert.deepEqual(pages.subarray(3 * 4096), parts.runner);
  const head = encodeCbor(['enarx/loader/1', ['--permission', 'RELEASE/wasmldr.js'], 5000, 4096]);
  assert.deepEqual(pages.subarray(0, head.length), head);
  assert.ok(pages.subarray(head.length, 4096).every((byte) => byte === 0));
});

test('the measurement is the PAGE_INFO chain, computed a second way', async () => {
  const { pages } = loaderImage(parts);
  const sha384 = (bytes: Uint8Array): Buffer => createHash('sha384').update(bytes).digest();
  let digest = Buffer.alloc(48);
  for (let page = 0; page < 4; page += 1) {
    const tail = Buffer.from('7000010000000000', 'hex');
    const address = Buffer.alloc(8);
    address.writeBigUInt64LE(0x10_0000n + 4096n * BigInt(page));
    const contents = sha384(pages.subarray(4096 * page, 4096 * (page + 1)));
    digest = sha384(Buffer.concat([digest, contents, tail, address])) as typeof digest;
  }
  assert.equal(await measured({}), digest.toString('hex'));
});

test('every part of the loader changes the measurement, trailing zeros and the border of two files too', async () => {
  const all = await Promise.all([
    measured({}),
    measured({ arguments: ['--permission'] }),
    measured({ arguments: ['--permission RELEASE/wasmldr.js'] }),
    measured({ wasmldr: parts.wasmldr.with(4999, 0xff) }),
    measured({ wasmldr: Uint8Array.of(...parts.wasmldr, 0) }),
    measured({ runner: parts.runner.with(0, 1) }),
    measured({ wasmldr: parts.runner, runner: parts.wasmldr }),
    measured({ runner: new Uint8Array() }),
  ]);
  assert.equal(new Set(all).size, all.length);
  assert.ok(all.every((digest) => /^[0-9a-f]{96}$/.test(digest)));
});

test('for legacy SEV the same pages are measured as one SHA-256', async () => {
  const image = loaderImage(parts);
  assert.equal(
    toHex(await loaderSevMeasurement(image)),
    createHash('sha256').update(image.pages).digest('hex'),
  );
});
