// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { amdAnchors, verifyEvidence } from '@enarx/attestation';
import { sevChecks, verifySevPlatform, type SevCheckId, type SevVerification } from '@enarx/attestation/sev';
import { concatBytes, EnarxError, toHex } from '@enarx/protocol';

import { needsVectors } from '../measure/vectors.ts';
import { long } from '../support/vectors.ts';
import {
  anchor,
  good,
  made,
  madeCa,
  patched,
  points,
  signer,
  strangers,
  type MadeParts,
} from './made-platform.ts';
import { certificatesOf, realPlatforms, type RealProduct } from './real-platforms.ts';

const at = 1_750_000_000_000;
const verify = (parts: Partial<MadeParts>, anchors = [anchor]): Promise<SevVerification> =>
  verifySevPlatform({ certificates: Object.values({ ...good, ...parts }), anchors, at });
const failuresOf = ({ checks }: SevVerification): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

const apiOf = { Naples: [0, 16], Rome: [0, 22], Milan: [1, 28] };

for (const product of Object.keys(realPlatforms) as RealProduct[]) {
  test(`a real ${product} platform passes every check under AMD's root`, needsVectors, async () => {
    const verification = await verifySevPlatform({
      certificates: certificatesOf(product),
      anchors: amdAnchors,
      at,
    });
    assert.deepEqual(
      verification.checks.map(({ id, status }) => [id, status]),
      Object.keys(sevChecks).map((id) => [id, 'pass']),
    );
    assert.equal(verification.simulated, false);
    assert.equal(verification.checks[0]?.detail, `ARK-${product}`);
    assert.equal(verification.verified?.anchor.name, `ARK-${product}`);
    assert.equal(verification.verified.at, at);
    const { major, minor } = verification.claims.api;
    assert.deepEqual([major, minor], apiOf[product]);
  });

  test(
    `a real ${product} platform is nothing to whoever pins another generation's root`,
    needsVectors,
    async () => {
      const anchors = amdAnchors.filter(({ name }) => name !== `ARK-${product}`);
      const verification = await verifySevPlatform({ certificates: certificatesOf(product), anchors, at });
      assert.equal(verification.verified, undefined);
      assert.deepEqual(failuresOf(verification), ['sev/ark-anchor']);
    },
  );
}

test('a root that is simulated is called so', async () => {
  const [first] = (await verify({})).checks;
  assert.equal(first?.id, 'sev/ark-anchor');
  assert.equal(first.detail, `${anchor.name}, SIMULATED`);
});

test('the claims name chip and owner by their keys', needsVectors, async () => {
  const claims = await Promise.all(
    (['Naples', 'Rome', 'Milan'] as const).map(async (product) => {
      const { claims } = await verifySevPlatform({
        certificates: certificatesOf(product),
        anchors: amdAnchors,
        at,
      });
      assert.equal(claims.pdh.length, 97);
      return [toHex(claims.chip), toHex(claims.owner)];
    }),
  );
  assert.equal(new Set(claims.flat()).size, 6);
  assert.ok(claims.flat().every((digest) => digest.length === 64));
});

test(
  'certificates come in any order, as one file or many, with those of other generations among them',
  needsVectors,
  async () => {
    const milan = certificatesOf('Milan');
    const files = [
      [concatBytes(...milan)],
      [concatBytes(...milan.toReversed())],
      [...milan, ...certificatesOf('Naples').slice(4), ...certificatesOf('Rome').slice(4)],
      [...certificatesOf('Rome').slice(4), ...milan],
      [...milan, ...milan],
    ];
    for (const certificates of files) {
      const { verified } = await verifySevPlatform({ certificates, anchors: amdAnchors, at });
      assert.equal(verified?.anchor.name, 'ARK-Milan');
    }
  },
);

test("the platform's own CEK, which AMD did not sign, gives way to the signed one with the same key", async () => {
  const unsigned = await made('CEK', { signers: [] });
  for (const cek of [concatBytes(unsigned, good.cek), concatBytes(good.cek, unsigned)])
    assert.ok((await verify({ cek })).verified);
  const alone = await verify({ cek: unsigned });
  assert.deepEqual(failuresOf(alone), ['sev/cek-signed', 'sev/signers']);
  assert.match(alone.checks.find(({ id }) => id === 'sev/cek-signed')!.detail, /kdsintf\.amd\.com\/cek\/id/);
  assert.match(
    alone.checks.find(({ id }) => id === 'sev/signers')!.detail,
    /the CEK is signed by nobody, not by ASK$/,
  );
});

test('a platform that was made here passes under its own anchor, and is called simulated', async () => {
  const verification = await verify({});
  assert.deepEqual(failuresOf(verification), []);
  assert.equal(verification.simulated, true);
  assert.equal(verification.verified?.simulated, true);
});

test('without anchors nobody is trusted', async () => {
  const verification = await verify({}, []);
  assert.equal(verification.simulated, false);
  assert.equal(verification.verified, undefined);
});

test("the same key as another vendor's anchor is none", async () => {
  assert.deepEqual(failuresOf(await verify({}, [{ ...anchor, vendor: 'intel' }])), ['sev/ark-anchor']);
});

const otherId = new Uint8Array(16).fill(0xff);
const offCurve = points.PDH.with(1, points.PDH[1]! ^ 1);
const strange = <U extends string>(usage: U) => ({ usage, key: strangers.ec });

/** Each is wrong in one thing, which one check alone sees. */
const forgeries: readonly (readonly [what: string, SevCheckId, () => Promise<Partial<MadeParts>>])[] = [
  [
    'whose root did not sign itself',
    'sev/ark-self-signed',
    async () => ({ ark: await madeCa('ARK', { key: strangers.rsa }) }),
  ],
  [
    'whose ASK the root did not sign',
    'sev/ask-signed',
    async () => ({ ask: await madeCa('ASK', { key: strangers.rsa }) }),
  ],
  [
    'whose ASK names another issuer',
    'sev/key-ids',
    async () => ({ ask: await madeCa('ASK', { issuerId: otherId }) }),
  ],
  [
    'whose root names another issuer',
    'sev/key-ids',
    async () => ({ ark: await madeCa('ARK', { issuerId: otherId }) }),
  ],
  [
    'whose CEK another key signed as the ASK',
    'sev/cek-signed',
    async () => ({ cek: await made('CEK', { signers: [{ usage: 'ASK', key: strangers.rsa }] }) }),
  ],
  [
    'whose CEK says that it is signed with another hash',
    'sev/cek-signed',
    () => Promise.resolve({ cek: patched(good.cek, 0x418, 0x01, 0x01) }),
  ],
  [
    'whose CEK says that ECDSA signed it',
    'sev/cek-signed',
    () => Promise.resolve({ cek: patched(good.cek, 0x418, 0x02, 0x00) }),
  ],
  [
    'whose CEK has bytes behind the signature',
    'sev/cek-signed',
    () => Promise.resolve({ cek: patched(good.cek, 0x41c + 256, 1) }),
  ],
  [
    "whose owner's key did not sign itself",
    'sev/oca-self-signed',
    async () => ({ oca: await made('OCA', { signers: [strange('OCA')] }) }),
  ],
  [
    'whose PEK another key signed as the OCA',
    'sev/pek-signed-by-oca',
    async () => ({ pek: await made('PEK', { signers: [strange('OCA'), signer.cek] }) }),
  ],
  [
    'whose PEK another key signed as the CEK: a platform that its owner made up',
    'sev/pek-signed-by-cek',
    async () => ({ pek: await made('PEK', { signers: [signer.oca, strange('CEK')] }) }),
  ],
  [
    'whose PDH another key signed as the PEK',
    'sev/pdh-signed',
    async () => ({ pdh: await made('PDH', { signers: [strange('PEK')] }) }),
  ],
  [
    'whose PDH has bytes behind a number of its signature',
    'sev/pdh-signed',
    () => Promise.resolve({ pdh: patched(good.pdh, 0x41c + 48, 1) }),
  ],
  [
    'whose PDH says that RSA signed it',
    'sev/pdh-signed',
    () => Promise.resolve({ pdh: patched(good.pdh, 0x418, 0x01) }),
  ],
  [
    'whose PDH a second key signed',
    'sev/signers',
    async () => ({ pdh: await made('PDH', { signers: [signer.pek, signer.cek] }) }),
  ],
  [
    'whose OCA somebody else signed too',
    'sev/signers',
    async () => ({ oca: await made('OCA', { signers: [signer.oca, strange('PEK')] }) }),
  ],
  [
    'whose PDH is for signing',
    'sev/algorithms',
    async () => ({ pdh: await made('PDH', { algorithm: 0x002 }) }),
  ],
  [
    'whose PEK is for key agreement',
    'sev/algorithms',
    async () => ({ pek: await made('PEK', { algorithm: 0x003 }) }),
  ],
  [
    'whose PDH is no point on the curve',
    'sev/points',
    async () => ({ pdh: await made('PDH', { point: offCurve }) }),
  ],
];

for (const [what, id, forge] of forgeries) {
  test(`a platform ${what} fails ${id} and nothing else`, async () => {
    const verification = await verify(await forge());
    assert.deepEqual(failuresOf(verification), [id]);
    assert.equal(verification.verified, undefined);
  });
}

test('a PEK that the CEK did not sign at all is refused', async () => {
  const verification = await verify({ pek: await made('PEK', { signers: [signer.oca] }) });
  assert.deepEqual(failuresOf(verification), ['sev/pek-signed-by-cek', 'sev/signers']);
  assert.match(
    verification.checks.find(({ id }) => id === 'sev/signers')!.detail,
    /the PEK is signed by OCA, not by OCA and CEK$/,
  );
});

test('a PEK whose CEK signature stands twice is refused', async () => {
  const verification = await verify({ pek: await made('PEK', { signers: [signer.cek, signer.cek] }) });
  assert.deepEqual(failuresOf(verification), ['sev/pek-signed-by-oca', 'sev/signers']);
});

test('the two signatures of a PEK may stand in either slot', async () => {
  assert.ok((await verify({ pek: await made('PEK', { signers: [signer.cek, signer.oca] }) })).verified);
});

test('keys of more than one certificate that are no points fail by name, not by exception', async () => {
  const pek = await made('PEK', { point: offCurve });
  assert.deepEqual(failuresOf(await verify({ pek })), ['sev/pdh-signed', 'sev/points']);
});

test('a signature with SHA-384 says so and is checked so', async () => {
  const toBeSigned = good.pdh.slice(0, 0x414);
  const signature = new Uint8Array(
    await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-384' }, signer.pek.key, toBeSigned),
  );
  const pdh = patched(good.pdh, 0x418, 0x02, 0x01);
  pdh.set(signature.slice(0, 48).reverse(), 0x41c);
  pdh.set(signature.slice(48).reverse(), 0x41c + 72);
  assert.ok((await verify({ pdh })).verified);
});

test('a missing certificate is named', async () => {
  for (const name of Object.keys(good) as (keyof MadeParts)[])
    await assert.rejects(verify({ [name]: new Uint8Array() }), {
      code: 'sev/chain-incomplete',
      found: `no ${name.toUpperCase()}`,
    });
});

test('certificates of two platforms are refused', async () => {
  const other = await made('PDH', { api: { major: 1, minor: 54 } });
  await assert.rejects(verify({ pdh: concatBytes(good.pdh, other) }), {
    code: 'sev/chain-ambiguous',
    found: 'two different PDHs',
  });
  const otherCek = await made('CEK', { point: points.OCA, signers: [] });
  await assert.rejects(verify({ cek: concatBytes(good.cek, otherCek) }), { code: 'sev/chain-ambiguous' });
});

test('bytes of a real chain changed are refused by a check or by name', needsVectors, async () => {
  const certificates = certificatesOf('Milan');
  const lengths = certificates.map(({ length }) => length);
  const changed: Uint8Array[][] = [];
  for (const [i, length] of lengths.entries())
    for (let at = 0; at < length; at += long ? 1 : i === 0 ? 23 : 97)
      changed.push(certificates.map((bytes, j) => (i === j ? bytes.with(at, bytes[at]! ^ 0x40) : bytes)));
  assert.ok(changed.length > 150);
  for (const files of changed) {
    try {
      const { verified } = await verifySevPlatform({ certificates: files, anchors: amdAnchors, at });
      assert.equal(verified, undefined);
    } catch (error) {
      assert.ok(error instanceof EnarxError, String(error));
      assert.equal(error.kind, 'malformed');
    }
  }
});

test('certificates in Node buffers verify, and are left as they were', async () => {
  const certificates = Object.values(good).map((bytes: Uint8Array) => Buffer.from(bytes));
  const before = certificates.map((bytes) => bytes.toString('hex'));
  for (let i = 0; i < 2; i += 1)
    assert.ok((await verifySevPlatform({ certificates, anchors: [anchor], at })).verified);
  assert.deepEqual(
    certificates.map((bytes) => bytes.toString('hex')),
    before,
  );
});

test('certificates are evidence like any other, in binary or in the base64 of QEMU', async () => {
  const evidence = concatBytes(good.pdh, good.pek, good.oca, await made('CEK', { signers: [] }));
  const endorsements = [good.cek, concatBytes(good.ask, good.ark)];
  for (const form of [evidence, Buffer.from(Buffer.from(evidence).toString('base64'))]) {
    const verification = await verifyEvidence({ evidence: form, endorsements, anchors: [anchor], at });
    assert.equal(verification.format, 'sev');
    assert.equal(verification.verified?.simulated, true);
    const none = await verifyEvidence({ evidence: form, endorsements, anchors: amdAnchors, at });
    assert.equal(none.verified, undefined);
  }
});
