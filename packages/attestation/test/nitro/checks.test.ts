// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import type { NitroClaims } from '@enarx/attestation';
import { concatBytes, encodeCbor, type CborValue } from '@enarx/protocol';

import { es256, es384 } from '../../src/cose/algorithms.ts';
import { signSign1 } from '../../src/cose/sign1.ts';
import { derSequence } from '../../src/der/index.ts';
import { verifyNitro } from '../../src/nitro/verify.ts';
import type { Verification, VerifyOptions } from '../../src/verification.ts';
import { basicConstraints, issueList, keyUsage } from '../support/fake-amd.ts';
import { at, digitalSignature, fakeAws, pcrOf } from '../support/fake-aws.ts';
import { assertOnly, checkOf, failures } from '../support/verifying.ts';

const aws = await fakeAws();

async function verify(
  evidence: Uint8Array | Promise<Uint8Array>,
  options: Partial<VerifyOptions> = {},
): Promise<Verification> {
  return verifyNitro({
    evidence: await evidence,
    endorsements: [],
    anchors: [aws.anchor],
    at,
    ...options,
  });
}

const document: typeof aws.document = async (...given) => aws.document(...given);
const pcrs = (entries: Readonly<Record<number, Uint8Array>>): CborValue =>
  new Map(Object.entries(entries).map(([index, value]) => [Number(index), value]));
const needed = { 0: pcrOf(1), 1: pcrOf(2), 2: pcrOf(3), 3: pcrOf(4), 4: pcrOf(5) };

test('a whole document passes every check, and is called simulated under a root that is not AWS’s', async () => {
  const verification = await verify(document({ nonce: Uint8Array.of(1), user_data: new Uint8Array(0) }));
  assert.deepEqual(failures(verification), []);
  assert.equal(verification.simulated, true);
  assert.equal(verification.format, 'nitro');
  const claims = verification.verified?.claims as NitroClaims;
  assert.deepEqual(claims.nonce, Uint8Array.of(1));
  assert.deepEqual(claims.userData, new Uint8Array(0));
  assert.equal(claims.publicKey, undefined);
  assert.equal(claims.debug, false);
  assert.equal(claims.age, 0);
  for (const [id, part] of Object.entries({
    'nitro/envelope': /COSE_Sign1/,
    'nitro/algorithm': /ES384/,
    'nitro/payload': /i-0123456789abcdef0-enc0123456789abcdef/,
    'nitro/digest': /SHA384/,
    'nitro/pcrs': /7 of 48 bytes/,
    'nitro/certificates-readable': /3 certificates in the document/,
    'nitro/signing-certificate': /i-0123/,
    'nitro/timestamp': /2026-06-01T12:00:00Z/,
    'nitro/signature': /P-384/,
  }))
    assert.match(checkOf(verification, id).detail, part);
});

suite('nitro/envelope', () => {
  const refused = (item: readonly CborValue[], reason: RegExp) =>
    assertOnly('nitro/envelope', reason, verify(encodeCbor(item)));
  const algorithm = encodeCbor(new Map([[1, -35]]));
  const empty = new Map<number, number>();

  test('refuses what is no COSE_Sign1', async () => {
    const bytes = new Uint8Array(0);
    await assertOnly('nitro/envelope', /a count of 4 items/, verify(Uint8Array.of(0x84)));
    await refused([1, empty, bytes, bytes], /a protected header that is no byte string/);
    await refused([algorithm, [], bytes, bytes], /an unprotected header that is no map/);
    await refused([algorithm, empty, null, bytes], /no payload/);
    await refused([algorithm, empty, bytes, 'text'], /a signature that is no byte string/);
    await refused([encodeCbor([]), empty, bytes, bytes], /a protected header that is no map/);
    await refused([algorithm, new Map([[1, -35]]), bytes, bytes], /the label 1 in both headers/);
    await refused(
      [
        encodeCbor(
          new Map<number, CborValue>([
            [1, -35],
            [2, [7]],
          ]),
        ),
        empty,
        bytes,
        bytes,
      ],
      /critical header parameters/,
    );
    await refused([algorithm, new Map([[2, [7]]]), bytes, bytes], /critical header parameters/);
    await assertOnly('nitro/envelope', /no array of four/, verify(Uint8Array.of(0x9f, 0xff)));
    await assertOnly(
      'nitro/envelope',
      /20000 bytes/,
      verify(concatBytes(Uint8Array.of(0x84), new Uint8Array(19_999))),
    );
  });

  test('nothing else is reached, and the failure is called simulated only when no vendor is trusted', async () => {
    const verification = await verify(Uint8Array.of(0x84), { anchors: [] });
    assert.equal(verification.simulated, false);
    assert.equal(verification.claims, undefined);
    assert.match(checkOf(verification, 'nitro/signature').detail, /not reached: the document cannot be read/);
    assert.equal((await verify(Uint8Array.of(0x84))).simulated, true);
  });
});

test('nitro/algorithm: another algorithm is refused, whoever signed', async () => {
  const payload = encodeCbor({});
  const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const message = await signSign1(payload, es256, privateKey);
  assert.deepEqual(failures(await verify(message.subarray(1))), ['nitro/algorithm', 'nitro/payload']);
});

suite('nitro/payload', () => {
  const text = 'x'.repeat(257);
  const cases: readonly (readonly [string, Readonly<Record<string, CborValue | undefined>>, RegExp])[] = [
    ['an unknown field', { nitrotpm_pcrs: null }, /the field "nitrotpm_pcrs"/],
    ['no module id', { module_id: undefined }, /module_id that is no text/],
    ['an empty module id', { module_id: '' }, /module_id that is no text/],
    ['a long module id', { module_id: text }, /module_id that is no text/],
    ['a digest that is no text', { digest: 384 }, /digest that is no text/],
    ['a timestamp of 0', { timestamp: 0 }, /timestamp that is no positive integer/],
    ['a timestamp as text', { timestamp: '1' }, /timestamp that is no positive integer/],
    ['a timestamp beyond all numbers', { timestamp: 2n ** 60n }, /timestamp that is no positive integer/],
    ['pcrs as a list', { pcrs: [] }, /pcrs that is no map/],
    ['pcrs by name', { pcrs: new Map([['0', pcrOf(0)]]) }, /pcrs of other things/],
    ['pcrs of numbers', { pcrs: new Map([[0, 0]]) }, /pcrs of other things/],
    [
      'an empty certificate',
      { certificate: new Uint8Array(0) },
      /certificate that is no byte string of 1 to 1024/,
    ],
    ['a large certificate', { certificate: new Uint8Array(1025) }, /certificate that is no byte string/],
    ['no bundle', { cabundle: null }, /cabundle that is no list/],
    ['an empty bundle', { cabundle: [] }, /cabundle that is no list/],
    [
      'nine in the bundle',
      { cabundle: Array<Uint8Array>(9).fill(aws.bundle[0]) },
      /cabundle that is no list/,
    ],
    ['text in the bundle', { cabundle: ['root'] }, /cabundle that is no byte string/],
    ['a nonce of 1025 bytes', { nonce: new Uint8Array(1025) }, /nonce that is no byte string of 0 to 1024/],
    ['user data as text', { user_data: 'x' }, /user_data that is no byte string/],
    ['a public key as a number', { public_key: 1 }, /public_key that is no byte string/],
  ];
  for (const [title, fields, reason] of cases)
    test(`refuses ${title}`, async () => {
      await assertOnly('nitro/payload', reason, verify(document(fields)));
    });

  test('is broken, or of a sort that is not known here', async () => {
    assert.equal((await verify(document({ nitrotpm_pcrs: null }))).unreadable, 'unsupported');
    assert.equal((await verify(document({ module_id: '' }))).unreadable, 'malformed');
    assert.equal((await verify(document())).unreadable, undefined);
    assert.equal((await verify(Uint8Array.of(0x84))).unreadable, 'malformed');
  });

  test('refuses a payload that is no map', async () => {
    const { key } = await aws.leaf();
    const message = await signSign1(encodeCbor([]), es384, key);
    await assertOnly('nitro/payload', /no map/, verify(message));
  });

  test('takes 1024 bytes in each optional field, and fields that are left out', async () => {
    const most = new Uint8Array(1024);
    const full = await verify(document({ nonce: most, user_data: most, public_key: most }));
    assert.deepEqual(failures(full), []);
    const least = await verify(document({ nonce: undefined, user_data: undefined, public_key: undefined }));
    assert.deepEqual(failures(least), []);
  });
});

test('nitro/digest: another digest than SHA-384 is refused', async () => {
  await assertOnly('nitro/digest', /"SHA256", not SHA384/, verify(document({ digest: 'SHA256' })));
});

suite('nitro/pcrs', () => {
  test('all 32 are taken', async () => {
    const all = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [index, pcrOf(index)]));
    assert.deepEqual(failures(await verify(document({ pcrs: pcrs(all) }))), []);
  });

  for (const [title, entries, reason] of [
    ['a number above 31', { ...needed, 32: pcrOf(9) }, /there is a PCR 32/],
    ['a number below 0', { ...needed, [-1]: pcrOf(9) }, /there is a PCR -1/],
    ['a PCR of 32 bytes', { ...needed, 5: new Uint8Array(32) }, /PCR5 has 32 bytes/],
    ['a document without PCR2', { 0: pcrOf(1), 1: pcrOf(2), 3: pcrOf(4), 4: pcrOf(5) }, /PCR2 is missing/],
  ] as const)
    test(`refuses ${title}`, async () => {
      await assertOnly('nitro/pcrs', reason, verify(document({ pcrs: pcrs(entries) })));
    });

  for (const index of [0, 1, 2])
    test(`PCR${String(index)} of zeros is debug mode, which is for the policy to judge`, async () => {
      const verification = await verify(document({ pcrs: pcrs({ ...needed, [index]: pcrOf(0) }) }));
      assert.equal((verification.verified?.claims as NitroClaims).debug, true);
    });

  test('an absent PCR0 is not called good', async () => {
    const others = Object.fromEntries(Object.entries(needed).filter(([index]) => index !== '0'));
    const verification = await verify(document({ pcrs: pcrs(others) }));
    assert.equal((verification.claims as NitroClaims).debug, true);
  });
});

suite('nitro/certificates-readable', () => {
  test('refuses a certificate that is none; then there is no chain, no dates and no key', async () => {
    const verification = await verify(document({ certificate: derSequence() }));
    await assertOnly('nitro/certificates-readable', /DER/, verification);
    for (const id of ['x509/anchor', 'nitro/signing-certificate', 'nitro/timestamp', 'nitro/signature'])
      assert.match(checkOf(verification, id).detail, /^not reached/);
  });

  test('refuses endorsements that cannot be read, and takes those that are not needed', async () => {
    await assertOnly(
      'nitro/certificates-readable',
      /endorsement 1/,
      verify(document(), { endorsements: [Uint8Array.of(1, 2, 3)] }),
    );
    const good = await verify(document(), { endorsements: [aws.bundle[0], await issueList(aws.root)] });
    assert.match(
      checkOf(good, 'nitro/certificates-readable').detail,
      /1 certificates and 1 revocation lists besides/,
    );
    assert.ok(good.verified);
  });
});

test('x509/not-revoked: a list of the root that names the region’s certificate counts', async () => {
  const list = await issueList(aws.root, { revoked: [2] });
  await assertOnly('x509/not-revoked', /is on the list/, verify(document(), { endorsements: [list] }));
});

suite('nitro/signing-certificate', () => {
  const ofLeaf = async (extensions: Parameters<typeof aws.leaf>[0]): Promise<Verification> =>
    verify(document({}, await aws.leaf(extensions)));

  test('refuses an authority, a key for other uses, and a certificate that says neither', async () => {
    const refused = async (extensions: ReturnType<typeof keyUsage>[], reason: RegExp): Promise<void> => {
      await assertOnly('nitro/signing-certificate', reason, ofLeaf({ extensions }));
    };
    await refused([basicConstraints(true), digitalSignature], /it does not say that it is no authority/);
    await refused([digitalSignature], /it does not say that it is no authority/);
    await refused([basicConstraints(false), keyUsage(0x08)], /its key is not for digital signatures/);
    await refused([basicConstraints(false)], /its key is not for digital signatures/);
  });

  test('refuses a key on another curve, which signs nothing here either', async () => {
    const verification = await ofLeaf({ curve: 'P-256' });
    assert.deepEqual(failures(verification), ['nitro/signing-certificate', 'nitro/signature']);
    assert.match(checkOf(verification, 'nitro/signing-certificate').detail, /not on P-384/);
  });
});

suite('nitro/timestamp', () => {
  const minute = 60_000;
  test('refuses a time outside the validity of the certificate', async () => {
    for (const timestamp of [at - 61 * minute, at + 61 * minute])
      await assertOnly('nitro/timestamp', /its certificate is for/, verify(document({ timestamp })));
  });

  test('takes five minutes of difference between the clocks and no more', async () => {
    assert.deepEqual(failures(await verify(document({ timestamp: at + 5 * minute }))), []);
    await assertOnly(
      'nitro/timestamp',
      /which is after 2026-06-01T12:00:00Z/,
      verify(document({ timestamp: at + 5 * minute + 1 })),
    );
  });
});

suite('nitro/signature', () => {
  test('refuses the signature of another key', async () => {
    const [one, other] = [await aws.leaf(), await aws.leaf()];
    const forged = document({}, { certificate: one.certificate, key: other.key });
    await assertOnly('nitro/signature', /not of the certified key/, verify(forged));
  });

  test('is not reached when the chain does not lead to a key', async () => {
    const stranger = await fakeAws();
    const { certificate } = await stranger.leaf();
    const verification = await verify(document({ certificate }));
    assert.equal(
      checkOf(verification, 'nitro/signature').detail,
      'not reached: the chain does not lead to a key',
    );
    assert.equal(verification.verified, undefined);
  });
});
