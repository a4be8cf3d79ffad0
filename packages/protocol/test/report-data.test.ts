// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import {
  bindingDomain,
  encodeCbor,
  exporterLabel,
  exporterLength,
  reportData,
  toHex,
  type Binding,
  type Purpose,
} from '@enarx/protocol';

import { brokenRule } from '../../../test/support/cddl/enarx.ts';

const binding: Omit<Binding, 'purpose'> = {
  nonce: Uint8Array.from({ length: 32 }, (_, index) => index),
  keepKey: new Uint8Array(32).fill(0x11),
  clientKey: new Uint8Array(32).fill(0x22),
  exporter: new Uint8Array(32).fill(0x33),
  keepId: Uint8Array.from({ length: 16 }, (_, index) => 0xf0 + index),
};

/** Computed by Python's hashlib over bytes put together by hand. */
const expected: Readonly<Record<Purpose, string>> = {
  deliver:
    '02cb061819e04aae784f99a7d386daf04913bfb201b2b83144fa5f42853ac45b6f55562b624e1ce842921f0c3399607a9f429a4f42ed196f8ea721df650af591',
  attach:
    '608e91276f2f3a9d8b045b2f65d7c6d86f3fa2e33a76ac15c8b265a184839bc49bf80e32d9017ae58b248c87d663ad73c08f0a1ddaabea71d07b2ed7037171c7',
  verify:
    'ba00d873adb6ac50cf2ef4e681e8a93f3291022f11a2241716a7d6f0a3970cdd73862a866bce40781412ae63572b80ec76cda04ede51b4548fe862431e3b7914',
};

for (const purpose of ['deliver', 'attach', 'verify'] as const) {
  test(`the report data to ${purpose} is that of the fixed vector, put together byte by byte`, async () => {
    const preimage = Buffer.concat([
      Buffer.from([0x87, 0x6e]),
      Buffer.from('enarx/attest/1'),
      Buffer.from([0x58, 32]),
      binding.nonce,
      Buffer.from([0x58, 32]),
      binding.keepKey,
      Buffer.from([0x58, 32]),
      binding.clientKey,
      Buffer.from([0x58, 32]),
      binding.exporter,
      Buffer.from([0x50]),
      binding.keepId,
      Buffer.from([0x60 + purpose.length]),
      Buffer.from(purpose),
    ]);
    const found = await reportData({ ...binding, purpose });
    assert.equal(found.length, 64);
    assert.equal(toHex(found), createHash('sha512').update(preimage).digest('hex'));
    assert.equal(toHex(found), expected[purpose]);
    assert.equal(brokenRule('binding', preimage), undefined);
  });
}

test('every part of the binding changes the report data', async () => {
  const seen = new Set([expected.deliver]);
  for (const part of ['nonce', 'keepKey', 'clientKey', 'exporter', 'keepId'] as const) {
    const changed = Uint8Array.from(binding[part]);
    changed[0] = (changed[0] as number) ^ 1;
    seen.add(toHex(await reportData({ ...binding, [part]: changed, purpose: 'deliver' })));
  }
  assert.equal(seen.size, 6);
});

test('moving bytes from one part to the next changes the report data, since each carries its length', async () => {
  const longer = { ...binding, nonce: new Uint8Array(33), keepKey: new Uint8Array(31) };
  const shorter = { ...binding, nonce: new Uint8Array(32), keepKey: new Uint8Array(32) };
  assert.notDeepEqual(
    await reportData({ ...longer, purpose: 'verify' }),
    await reportData({ ...shorter, purpose: 'verify' }),
  );
});

test('the labels are those of the protocol, which a second implementation must spell alike', () => {
  assert.equal(bindingDomain, 'enarx/attest/1');
  assert.equal(exporterLabel, 'EXPORTER-enarx-attest-1');
  assert.equal(exporterLength, 32);
  assert.equal(toHex(encodeCbor(bindingDomain)), '6e656e6172782f6174746573742f31');
});
