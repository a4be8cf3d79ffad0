// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';

import {
  decodeIdAuthentication,
  decodeIdBlock,
  encodeIdAuthentication,
  encodeIdBlock,
  idKeyDigest,
  signIdBlock,
  verifyIdBlock,
  type IdBlock,
} from '@enarx/attestation/measure';
import { EnarxError, fromHex, toHex } from '@enarx/protocol';

import { readSignatureBlob } from '../../src/sev/ecc.ts';
import { long } from '../support/vectors.ts';
import { fromBase64, needsVectors, vector, vectorJson, vectorText } from './vectors.ts';

interface IndexEntry {
  readonly file: string;
  readonly kind: string;
  readonly expected: Readonly<Record<string, string | number>>;
}

const index = (kind: string): IndexEntry[] =>
  (vectorJson('INDEX.json') as IndexEntry[]).filter((entry) => entry.kind === kind);
const spkiOf = (pem: string): Uint8Array => createPublicKey(pem).export({ type: 'spki', format: 'der' });
const identity = 'LIT-Protocol+sev-snp-utils/resources/test/identity';
const published = (name: string): Uint8Array => fromBase64(vectorText(`${identity}/${name}`));

test('every published digest of an ID or author key comes out', needsVectors, async () => {
  const keys = [...index('id-key-public'), ...index('author-key-public')];
  assert.equal(keys.length, 6);
  for (const { file, expected } of keys) {
    const [text] = Object.entries(expected)
      .filter(([name]) => name.includes('digest'))
      .map(([, value]) => String(value));
    const digest = text!.length === 96 ? fromHex(text!) : fromBase64(text!);
    assert.deepEqual(await idKeyDigest(spkiOf(vectorText(file))), digest, file);
  }
});

test('published ID blocks are read, and written again to the byte', needsVectors, () => {
  const blocks = [
    ...index('snp-id-block').map(({ file, expected }) => [vector(file), expected] as const),
    ...index('snp-id-block-base64').map(
      ({ file, expected }) => [fromBase64(vectorText(file)), expected] as const,
    ),
  ];
  assert.equal(blocks.length, 2);
  for (const [bytes, expected] of blocks) {
    const block = decodeIdBlock(bytes);
    assert.equal(toHex(block.launchDigest), expected['launch_digest']);
    assert.equal(toHex(block.familyId), expected['family_id']);
    assert.equal(toHex(block.imageId), expected['image_id']);
    assert.equal(block.guestSvn, expected['guest_svn']);
    assert.equal(block.policy, BigInt(expected['policy']!));
    assert.deepEqual(encodeIdBlock(block), bytes);
  }
});

test('a published ID block passes with its published authentication', needsVectors, async () => {
  const { keys, policy } = await verifyIdBlock(published('id_block.b64'), published('auth_info.b64'));
  assert.equal(policy, 0x3_0000n);
  assert.deepEqual(keys.idKey, await idKeyDigest(spkiOf(vectorText(`${identity}/id-key.pub.pem`))));
  assert.deepEqual(keys.authorKey, await idKeyDigest(spkiOf(vectorText(`${identity}/author-key.pub.pem`))));
  const authentication = published('auth_info.b64');
  assert.deepEqual(encodeIdAuthentication(decodeIdAuthentication(authentication)), authentication);
});

test(
  "Enarx's own author signed Enarx's own ID key, in the form that the firmware takes",
  needsVectors,
  async () => {
    const blob = vector('enarx+enarx/tests/data/sev-id-key-signature.blob');
    const author = vectorText('enarx+enarx/tests/data/sev-author.pub.pem');
    const authorBlob = blob.subarray(512);
    assert.deepEqual(
      new Uint8Array(await crypto.subtle.digest('SHA-384', authorBlob)),
      await idKeyDigest(spkiOf(author)),
    );
    const signature = readSignatureBlob(blob.subarray(0, 512));
    assert.ok(signature instanceof Uint8Array);
    const idKey = spkiOf(vectorText('enarx+enarx/tests/data/sev-id.pub.pem')).subarray(-96);
    const idBlob = Buffer.alloc(1028);
    idBlob[0] = 2;
    Buffer.from(idKey.subarray(0, 48)).reverse().copy(idBlob, 4);
    Buffer.from(idKey.subarray(48)).reverse().copy(idBlob, 76);
    assert.ok(
      verify('sha384', idBlob, { key: createPublicKey(author), dsaEncoding: 'ieee-p1363' }, signature),
    );
  },
);

test(
  'every bit of a signed ID block matters, and every byte of its authentication',
  needsVectors,
  async () => {
    const block = published('id_block.b64');
    const authentication = published('auth_info.b64');
    for (let bit = 0; bit < 8 * block.length; bit += long ? 1 : 11)
      await assert.rejects(
        verifyIdBlock(block.with(bit >> 3, block[bit >> 3]! ^ (1 << (bit & 7))), authentication),
        EnarxError,
      );
    for (let at = 0; at < authentication.length; at += long ? 1 : 19)
      await assert.rejects(
        verifyIdBlock(block, authentication.with(at, authentication[at]! ^ 0x10)),
        EnarxError,
      );
  },
);

const block: IdBlock = {
  launchDigest: new Uint8Array(48).fill(1),
  familyId: new Uint8Array(16).fill(2),
  imageId: new Uint8Array(16).fill(3),
  guestSvn: 0xffff_fffe,
  policy: 0x3_0000n,
};
const newKey = () =>
  crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify']);
const spki = async ({ publicKey }: CryptoKeyPair): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.exportKey('spki', publicKey));

test('an ID block that was signed here passes, with an author and without', async () => {
  const [idKey, author] = await Promise.all([newKey(), newKey()]);
  const bytes = encodeIdBlock(block);
  const both = await verifyIdBlock(bytes, await signIdBlock(bytes, idKey, author));
  assert.deepEqual(both, {
    ...block,
    keys: { idKey: await idKeyDigest(await spki(idKey)), authorKey: await idKeyDigest(await spki(author)) },
  });
  const alone = await verifyIdBlock(bytes, await signIdBlock(bytes, idKey));
  assert.equal(alone.keys.authorKey, undefined);
});

test('an ID block for another launch is refused', async () => {
  const authentication = await signIdBlock(encodeIdBlock(block), await newKey());
  await assert.rejects(verifyIdBlock(encodeIdBlock({ ...block, guestSvn: 0 }), authentication), {
    code: 'measure/id-block-rejected',
    found: 'an ID block that the ID key did not sign',
  });
});

test('an ID key that another author signed is refused', async () => {
  const [idKey, author, other] = await Promise.all([newKey(), newKey(), newKey()]);
  const bytes = encodeIdBlock(block);
  const good = decodeIdAuthentication(await signIdBlock(bytes, idKey, author));
  const bad = decodeIdAuthentication(await signIdBlock(bytes, idKey, other));
  const mixed = { ...good, author: { ...good.author!, idKeySignature: bad.author!.idKeySignature } };
  await assert.rejects(verifyIdBlock(bytes, encodeIdAuthentication(mixed)), {
    code: 'measure/id-block-rejected',
    found: 'an ID key that the author key did not sign',
  });
});

const refusals: readonly (readonly [what: string, found: RegExp, (bytes: Uint8Array) => Uint8Array])[] = [
  ['of 4095 bytes', /4095 bytes/, (bytes) => bytes.subarray(1)],
  ['with another ID key algorithm', /the algorithms 2 and 1/, (bytes) => bytes.with(0, 2)],
  ['with another author key algorithm', /the algorithms 1 and 2/, (bytes) => bytes.with(4, 2)],
  ['with an author key and no algorithm for it', /not zero where nothing/, (bytes) => bytes.with(4, 0)],
  ['with bytes in its gaps', /not zero where nothing/, (bytes) => bytes.with(0x3f, 1)],
  ['with bytes at its end', /not zero where nothing/, (bytes) => bytes.with(0xfff, 1)],
  ['with a key on P-256', /curve 1 and not P-384/, (bytes) => bytes.with(0x240, 1)],
  ['with a key that has a number of 49 bytes', /behind a number/, (bytes) => bytes.with(0x244 + 48, 1)],
  ['with a signature that has bytes behind it', /behind a number/, (bytes) => bytes.with(0x40 + 511, 1)],
  ['with a point off the curve', /the point 04/, (bytes) => bytes.with(0x244, bytes[0x244]! ^ 1)],
];

for (const [what, found, alter] of refusals) {
  test(`an ID authentication ${what} is refused`, async () => {
    const bytes = encodeIdBlock(block);
    const authentication = await signIdBlock(bytes, await newKey(), await newKey());
    await assert.rejects(verifyIdBlock(bytes, alter(authentication)), {
      code: 'measure/id-block-malformed',
      message: found,
    });
  });
}

test('an ID block of another length or version is refused', () => {
  const bytes = encodeIdBlock(block);
  assert.throws(() => decodeIdBlock(bytes.subarray(1)), {
    code: 'measure/id-block-malformed',
    found: '95 bytes',
  });
  assert.throws(() => decodeIdBlock(bytes.with(80, 2)), {
    code: 'measure/id-block-malformed',
    found: 'version 2',
  });
});

test('an ID block that cannot be written is refused', () => {
  const impossible: Partial<IdBlock>[] = [
    { launchDigest: new Uint8Array(32) },
    { familyId: new Uint8Array(17) },
    { imageId: new Uint8Array(15) },
    { guestSvn: -1 },
    { guestSvn: 0.5 },
    { guestSvn: 2 ** 32 },
    { policy: -1n },
    { policy: 1n << 64n },
  ];
  for (const changed of impossible)
    assert.throws(() => encodeIdBlock({ ...block, ...changed }), { code: 'measure/option-invalid' });
});

test('a key on another curve has no digest', async () => {
  const key = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  await assert.rejects(idKeyDigest(await spki(key)), { code: 'measure/option-invalid' });
});

test('an ID block in Node buffers verifies, and is left as it was', async () => {
  const bytes = Buffer.from(encodeIdBlock(block));
  const authentication = Buffer.from(await signIdBlock(bytes, await newKey(), await newKey()));
  const before = Buffer.from(authentication);
  const { launchDigest } = await verifyIdBlock(bytes, authentication);
  assert.deepEqual(authentication, before);
  bytes.fill(0);
  assert.deepEqual(launchDigest, block.launchDigest);
});
