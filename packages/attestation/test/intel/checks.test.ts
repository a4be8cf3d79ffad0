// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { anchorFromPem } from '../../src/anchors.ts';
import { verifyChecks } from '../../src/check-table.ts';
import { writePem } from '../../src/pem.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { KeyCache } from '../../src/x509/key-cache.ts';
import { assertOnly, checkOf, failures } from '../support/verifying.ts';
import {
  certify,
  createAuthority,
  createIntelKeys,
  issueMaterial,
  issueRevocationList,
  pckExtension,
  signP256,
  uses,
  type JsonDocument,
} from '../../../simulator/src/intel/index.ts';
import { randomPlatform } from '../../../simulator/src/intel/chip.ts';
import {
  at,
  fakePlatform,
  from,
  keys,
  sgxClaims,
  tdxClaims,
  verifyFake,
  withLevels,
  withMembers,
} from './fake-intel.ts';

const year = 365 * 86_400_000;
const concat = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);

describe('a quote', () => {
  for (const fake of [
    { tee: 'sgx', version: 3 },
    { tee: 'sgx', version: 4 },
    { tee: 'sgx', version: 5 },
    { tee: 'tdx', version: 4 },
    { tee: 'tdx', version: 5 },
  ] as const)
    test(`of ${fake.tee}, version ${String(fake.version)}, passes every check that applies`, async () => {
      const result = await verifyFake(fake);
      assert.deepEqual(failures(result), [], JSON.stringify(result.checks));
      assert.deepEqual(
        result.checks.map(({ id }) => id),
        Object.keys(verifyChecks)
          .filter((id) => /^(quote|x509|azure)\//.test(id))
          .toSorted(inOrder(result)),
      );
      assert.equal(result.simulated, true);
      assert.match(checkOf(result, 'x509/anchor').detail, /SIMULATED/);
      assert.equal(
        checkOf(result, 'quote/tdx-module').status,
        fake.tee === 'sgx' ? 'not-applicable' : 'pass',
      );
    });

  test('verified again with the same cache gives the same, and the cache believes no false signature', async () => {
    const cache = new KeyCache();
    const options = { keys: cache };
    const { platform, anchor } = await fakePlatform();
    assert.deepEqual(failures(await verifyFake({ options })), []);
    const quote = await platform.enclave().quote(new Uint8Array(64));
    const verify = async (endorsements: readonly Uint8Array[]): Promise<string[]> => {
      return failures(
        await verifyEvidence({ evidence: quote, endorsements, anchors: [anchor], at, keys: cache }),
      );
    };
    assert.deepEqual(await verify(platform.collateral), []);
    assert.deepEqual(await verify(platform.collateral), []);
    const edited = platform.collateral.map((file) =>
      Buffer.from(Buffer.from(file).toString('latin1').replace('"tcbType":0', '"tcbType": 0'), 'latin1'),
    );
    for (let round = 0; round < 2; round += 1)
      assert.deepEqual(await verify(edited), ['quote/tcb-info-signature']);
    assert.deepEqual(await verify(platform.collateral), []);
  });
});

const inOrder =
  ({ checks }: { readonly checks: readonly { readonly id: string }[] }) =>
  (a: string, b: string): number =>
    checks.findIndex(({ id }) => id === a) - checks.findIndex(({ id }) => id === b);

describe('the form of a quote', () => {
  test('with another vendor of the quoting enclave is refused', async () => {
    // Re-signed by the attestation key, so that nothing else notices.
    const { platform, anchor } = await fakePlatform();
    const quote = Buffer.from(await platform.enclave().quote(new Uint8Array(64)));
    quote[12] = 0;
    quote.set(await signP256(keys.attestation.key, quote.subarray(0, 432)), 436);
    await assertOnly(
      'quote/vendor',
      /the vendor is 009a7233/,
      verifyEvidence({ evidence: quote, endorsements: platform.collateral, anchors: [anchor], at }),
    );
  });

  test('with zeros behind it passes, with anything else is refused', async () => {
    const zeros = await verifyFake({ evidence: (quote) => concat(quote, new Uint8Array(64)) });
    assert.deepEqual(failures(zeros), []);
    await assertOnly(
      'quote/padding',
      /64 bytes behind the quote/,
      verifyFake({ evidence: (quote) => concat(quote, new Uint8Array(63), Uint8Array.of(1)) }),
    );
  });

  test('whose signature data hold more than they should are refused', async () => {
    const evidence = (quote: Uint8Array): Uint8Array => {
      const longer = Buffer.concat([quote, Uint8Array.of(0)]);
      longer.writeUInt32LE(longer.readUInt32LE(432) + 1, 432);
      return longer;
    };
    await assertOnly(
      'quote/layout',
      /1 more bytes in the signature data/,
      verifyFake({ tee: 'sgx', evidence }),
    );
  });

  test('whose layout is not known says so and nothing else', async () => {
    for (const [offset, value, reason] of [
      [0, 6, /version 6/],
      [2, 3, /an attestation key of kind 3, not ECDSA P-256/],
      [4, 0x82, /TEE type 0x82 in a quote of version 5/],
      [4, 0, /a report of type 3 in a quote of sgx/],
      [48, 2, /648 bytes of report type 2; expected 584/],
      [48, 4, /648 bytes of report type 4; expected 885/],
      [48, 5, /a report of type 5 in a quote of tdx/],
      [48, 1, /a report of type 1 in a quote of tdx/],
      [50, 0x89, /bytes of report type 3/],
    ] as const) {
      const result = await verifyFake({
        evidence: (quote) => {
          const altered = Buffer.from(quote);
          altered[offset] = value;
          return altered;
        },
      });
      await assertOnly('quote/layout', reason, result);
      assert.equal(result.claims, undefined);
      assert.equal(result.simulated, true);
      assert.match(checkOf(result, 'quote/signature').detail, /^not reached/);
    }
  });
});

describe('what endorses a quote', () => {
  test('must be readable', async () => {
    await assertOnly(
      'quote/endorsements-readable',
      /^endorsement 8: /,
      verifyFake({ collateral: (files) => [...files, Buffer.from('{"what": 1}')] }),
    );
    const result = await verifyFake({
      quote: {
        parts: {
          certificationData: Buffer.from('-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'),
        },
      },
    });
    assert.match(checkOf(result, 'quote/endorsements-readable').detail, /^in the quote: endorsement 1/);
  });

  test('must be complete, and what is missing is named', async () => {
    for (const [index, reason] of [
      [0, /no certificate of Intel SGX TCB Signing/],
      [1, /no revocation list of Intel SGX Root CA/],
      [2, /no revocation list of Intel SGX PCK Platform CA/],
    ] as const)
      await assertOnly(
        'quote/endorsements-complete',
        reason,
        verifyFake({ collateral: (files) => files.filter((_, at) => at !== index) }),
      );
    const nothing = await verifyFake({ collateral: () => [] });
    assert.deepEqual(failures(nothing), ['quote/endorsements-complete']);
    assert.equal(tdxClaims(nothing).collateral, undefined);
    assert.match(
      checkOf(nothing, 'quote/endorsements-complete').detail,
      /no TCB info; fetch https:\/\/\S+\/tdx\/certification\/v4\/tcb\?fmspc=90c06f000000; no enclave identity/,
    );
  });

  test('is complete when the quote names its PCK only and the certificates come from elsewhere, in any order', async () => {
    const parts = { certificationType: 3, certificationData: new Uint8Array(404) };
    const whole = await verifyFake({
      quote: { parts },
      collateral: (files, { root, pck, authority }) => [concat(root, pck, authority), ...files],
    });
    assert.deepEqual(failures(whole), []);
    const without = await verifyFake({ quote: { parts } });
    assert.deepEqual(failures(without), ['quote/endorsements-complete']);
    assert.match(checkOf(without, 'quote/endorsements-complete').detail, /no certificate of a PCK/);
    assert.equal(checkOf(without, 'quote/qe-report-signature').status, 'not-applicable');
    assert.equal(without.claims?.platform, undefined);
  });

  test('is complete with each sort of certification data once what it lacks is given, and says what it lacks before', async () => {
    const { pck } = (await fakePlatform()).material;
    // Intel SGX ECDSA quote library API, table 9: PPID in the clear or encrypted, CPUSVN, PCESVN, PCEID; or the leaf.
    for (const [certificationType, certificationData] of [
      [1, new Uint8Array(36)],
      [2, new Uint8Array(276)],
      [3, new Uint8Array(404)],
      [4, pck],
    ] as const)
      for (const [tee, version] of [
        ['sgx', 3],
        ['tdx', 4],
        ['tdx', 5],
      ] as const) {
        const quote = { parts: { certificationType, certificationData } };
        const whole = await verifyFake({
          tee,
          version,
          quote,
          collateral: (files, { root, pck: leaf, authority }) => [
            ...files,
            Buffer.from([authority, leaf, root].map((one) => writePem('CERTIFICATE', one)).join('')),
          ],
        });
        assert.deepEqual(failures(whole), [], `${String(certificationType)} ${tee} ${String(version)}`);
        const without = await verifyFake({ tee, version, quote });
        assert.deepEqual(failures(without), ['quote/endorsements-complete']);
        assert.match(
          checkOf(without, 'quote/endorsements-complete').detail,
          certificationType === 4 ? /no certificate of Intel SGX PCK Platform CA/ : /no certificate of a PCK/,
        );
      }
    for (const certificationType of [0, 6, 7, 65_535])
      await assertOnly(
        'quote/layout',
        new RegExp(`certification data of type ${String(certificationType)}`),
        verifyFake({ quote: { parts: { certificationType } } }),
      );
  });

  test('lacks the authority or the root where the quote brings the leaf only', async () => {
    const leaf = await verifyFake({
      collateral: () => [],
      quote: { parts: { certificationType: 4, certificationData: (await fakePlatform()).material.pck } },
    });
    assert.match(
      checkOf(leaf, 'quote/endorsements-complete').detail,
      /no certificate of Intel SGX PCK Platform CA/,
    );
    const { pck, authority, signer } = (await fakePlatform()).material;
    const rootless = await verifyFake({
      collateral: () => [signer],
      quote: { parts: { certificationType: 5, certificationData: concat(pck, authority) } },
    });
    assert.match(
      checkOf(rootless, 'quote/endorsements-complete').detail,
      /no certificate of Intel SGX Root CA; no certificate of Intel SGX Root CA/,
    );
  });
});

describe('the PCK certificate', () => {
  test('must have Intel’s extension', async () => {
    const result = await verifyFake({ certificates: { pck: { extensions: uses.signing() } } });
    await assertOnly('quote/pck-certificate', /no SGX extension/, result);
    assert.match(checkOf(result, 'quote/tcb-info').detail, /^not reached: the platform/);
    assert.match(checkOf(result, 'quote/tcb-level').detail, /^not reached/);
  });

  test('must be for signing and no authority', async () => {
    const extension = pckExtension(randomPlatform());
    const [signing, noAuthority] = uses.signing();
    const [certifying, authority] = uses.authority(0);
    for (const [use, constraints, reason] of [
      [certifying, noAuthority, /its key is not for signing/],
      [signing, authority, /it is an authority/],
    ] as const) {
      const extensions = [use, constraints, extension].filter((one) => one !== undefined);
      await assertOnly(
        'quote/pck-certificate',
        reason,
        verifyFake({ certificates: { pck: { extensions } } }),
      );
    }
  });

  test('must end in a root of Intel’s name', async () => {
    const name = (await createAuthority('Another Root CA')).name;
    await assertOnly(
      'quote/pck-certificate',
      /the root is Another Root CA, expected Intel SGX Root CA/,
      verifyFake({
        certificates: {
          root: { issuer: name, subject: name },
          authority: { issuer: name },
          signer: { issuer: name },
        },
        ...(await renamedRootList(name)),
      }),
    );
  });

  test('must be on no list of its authority, which must be fresh and signed', async () => {
    const serial = 77n;
    await assertOnly(
      'quote/pck-revocation',
      /Intel SGX PCK Certificate, serial 0x4d, is on the list/,
      verifyFake({ certificates: { pck: { serial } }, pckList: { revoked: [serial] } }),
    );
    await assertOnly(
      'quote/pck-revocation',
      /fetch the current list/,
      verifyFake({ pckList: { nextUpdate: at - 1000 } }),
    );
    const impostor = { ...keys.authority, signer: (await createAuthority('x')).signer };
    const forged = await issueRevocationList(impostor, { thisUpdate: from, nextUpdate: at + year });
    await assertOnly(
      'quote/pck-revocation',
      /the signature of list 1 of Intel SGX PCK Platform CA is wrong/,
      verifyFake({ collateral: (files) => files.map((file, index) => (index === 2 ? forged : file)) }),
    );
  });

  test('is under an authority that the root’s list must not name', async () => {
    await assertOnly(
      'x509/not-revoked',
      /Intel SGX PCK Platform CA, serial 0x5, is on the list/,
      verifyFake({ certificates: { authority: { serial: 5n } }, rootList: { revoked: [5n] } }),
    );
  });

  test('ages of documents and lists are told apart, in whole days', async () => {
    const day = 86_400_000;
    const time = (days: number): string => new Date(at - days * day).toISOString().replace('.000Z', 'Z');
    const { claims } = await verifyFake({
      pckList: { thisUpdate: at - 3 * day - 1, number: 4 },
      rootList: { thisUpdate: at - 5 * day, number: 6 },
      tcbInfo: withMembers({ issueDate: time(7) }),
      identity: withMembers({ issueDate: time(6) }),
    });
    const { documentAge, pckCrlAge, rootCrlAge, pckCrlNumber, rootCrlNumber, oldest } =
      claims?.collateral ?? {};
    assert.deepEqual([documentAge, pckCrlAge, rootCrlAge], [7, 3, 5]);
    assert.deepEqual([pckCrlNumber, rootCrlNumber], [4n, 6n]);
    assert.equal(oldest, at - 7 * day);
  });

  test('newer of two lists of one number counts', async () => {
    const old = await issueRevocationList(keys.authority, { thisUpdate: from - year, nextUpdate: from });
    assert.deepEqual(failures(await verifyFake({ collateral: (files) => [old, ...files] })), []);
  });
});

/** The root’s list under another name of the issuer. */
async function renamedRootList(name: Awaited<ReturnType<typeof createAuthority>>['name']): Promise<{
  collateral: (files: readonly Uint8Array[]) => readonly Uint8Array[];
}> {
  const list = await issueRevocationList({ ...keys.root, name }, { thisUpdate: from, nextUpdate: at + year });
  return { collateral: (files) => files.map((file, index) => (index === 1 ? list : file)) };
}

describe('the signer of TCB info and enclave identity', () => {
  test('must not be revoked, nor be out of its dates', async () => {
    await assertOnly(
      'quote/tcb-signing-chain',
      /Intel SGX TCB Signing, serial 0x9, is on the list/,
      verifyFake({ certificates: { signer: { serial: 9n } }, rootList: { revoked: [9n] } }),
    );
    await assertOnly(
      'quote/tcb-signing-chain',
      /Intel SGX TCB Signing is valid from/,
      verifyFake({ certificates: { signer: { notAfter: at - 1 } } }),
    );
  });

  test('must be for signing documents', async () => {
    await assertOnly(
      'quote/tcb-signing-chain',
      /the signer is an authority; the key of the signer is not for signing/,
      verifyFake({ certificates: { signer: { extensions: uses.authority(0) } } }),
    );
  });

  test('must be under the anchor that the PCK is under, even where both are trusted', async () => {
    const others = await createIntelKeys();
    const other = await issueMaterial(others, from);
    const { anchor } = await fakePlatform();
    const second = await anchorFromPem(writePem('CERTIFICATE', other.root));
    const result = await verifyFake({
      collateral: (files) => [
        concat(other.signer, other.root),
        ...files.slice(1, 3),
        other.rootList,
        other.sgxTcbInfo,
        other.qeIdentity,
      ],
      tee: 'sgx',
      options: { anchors: [anchor, second] },
    });
    assert.ok(failures(result).includes('quote/tcb-signing-chain'));
    assert.match(
      checkOf(result, 'quote/tcb-signing-chain').detail,
      /the chain ends in Intel SGX Root CA, that of the PCK in Intel SGX Root CA/,
    );
    assert.equal(result.verified, undefined);
  });

  test('whose certificate is not signed vouches for nothing', async () => {
    const impostor = await createAuthority('Intel SGX TCB Signing');
    const forged = await certify(
      impostor,
      { ...impostor, name: keys.root.name },
      { notBefore: from, notAfter: at + year },
      uses.signing(),
    );
    const result = await verifyFake({
      collateral: (files, { root }) => [concat(forged, root), ...files.slice(1)],
    });
    assert.deepEqual(failures(result), ['quote/tcb-signing-chain']);
    assert.equal(checkOf(result, 'quote/tcb-info-signature').status, 'not-applicable');
    assert.equal(checkOf(result, 'quote/qe-identity-signature').status, 'not-applicable');
  });

  test('issued anew for the same key is taken as it is valid at the time', async () => {
    const old = await certify(
      keys.signer,
      keys.root,
      { notBefore: from - year, notAfter: from - 1 },
      uses.signing(),
    );
    assert.deepEqual(failures(await verifyFake({ collateral: (files) => [old, ...files] })), []);
    const later = await verifyFake({
      collateral: (files, { root }) => [concat(old, root), ...files.slice(1)],
    });
    assert.deepEqual(failures(later), ['quote/tcb-signing-chain']);
  });
});

describe('the TCB info', () => {
  test('must be for this kind of TEE', async () => {
    await assertOnly(
      'quote/tcb-info',
      /it is for tdx, the quote is of sgx/,
      verifyFake({ tee: 'sgx', collateral: (files) => files.filter((_, index) => index !== 3) }),
    );
  });

  test('must be for this platform, by FMSPC and PCEID', async () => {
    await assertOnly(
      'quote/tcb-info',
      /it is for FMSPC 000000000001/,
      verifyFake({ tcbInfo: withMembers({ fmspc: '000000000001' }) }),
    );
    await assertOnly(
      'quote/tcb-info',
      /and PCEID 0001/,
      verifyFake({ tcbInfo: withMembers({ pceId: '0001' }) }),
    );
  });

  test('must be signed as it stands, and within its dates', async () => {
    await assertOnly(
      'quote/tcb-info-signature',
      /byte for byte/,
      verifyFake({
        collateral: (files) => files.map((file) => replaced(file, '"tcbType":0', '"tcbType": 0')),
      }),
    );
    for (const members of [{ nextUpdate: '2026-06-01T11:59:59Z' }, { issueDate: '2026-06-01T12:00:01Z' }])
      await assertOnly(
        'quote/tcb-info-dates',
        /not for 2026-06-01T12:00:00Z/,
        verifyFake({ tcbInfo: withMembers(members) }),
      );
  });

  test('of the highest evaluation number counts among several', async () => {
    const { material } = await fakePlatform({ tcbInfo: withMembers({ tcbEvaluationDataNumber: 18 }) });
    const newer = await verifyFake({ collateral: (files) => [material.tdxTcbInfo, ...files] });
    assert.deepEqual(failures(newer), []);
    assert.equal(newer.claims?.collateral?.evaluationNumber, 19);
    const { material: earlier } = await fakePlatform({
      tcbInfo: withMembers({ issueDate: '2024-12-01T00:00:00Z' }),
    });
    const latest = await verifyFake({ collateral: (files) => [earlier.tdxTcbInfo, ...files] });
    assert.equal(latest.claims?.collateral?.oldest, from);
  });
});

function replaced(file: Uint8Array, before: string, after: string): Uint8Array {
  return Buffer.from(Buffer.from(file).toString('latin1').replace(before, after), 'latin1');
}

describe('the enclave identity', () => {
  test('must be for the quoting enclave of this kind of TEE', async () => {
    await assertOnly(
      'quote/qe-identity',
      /it is for the enclave QVE, quotes of tdx come from TD_QE/,
      verifyFake({
        identity: (document) => (document['id'] === 'TD_QE' ? { ...document, id: 'QVE' } : document),
        collateral: (files) => files.filter((_, index) => index !== 5),
      }),
    );
  });

  test('must be signed as it stands, and within its dates', async () => {
    await assertOnly(
      'quote/qe-identity-signature',
      /byte for byte/,
      verifyFake({
        collateral: (files) => files.map((file) => replaced(file, '"miscselect":', '"miscselect": ')),
      }),
    );
    await assertOnly(
      'quote/qe-identity-dates',
      /not for/,
      verifyFake({ identity: withMembers({ nextUpdate: '2026-06-01T11:59:59Z' }) }),
    );
  });
});

describe('the quoting enclave', () => {
  test('must be signed for by the PCK', async () => {
    await assertOnly(
      'quote/qe-report-signature',
      /the signature of the QE report is wrong/,
      verifyFake({ quote: { parts: { qeReportSignature: new Uint8Array(64).fill(1) } } }),
    );
  });

  test('must be the one that the identity describes', async () => {
    for (const [enclave, reason] of [
      [{ miscSelect: 1 }, /masked MISCSELECT is 01000000/],
      [{ attributes: Uint8Array.of(0x17, ...new Uint8Array(15)) }, /masked ATTRIBUTES is 1300/],
      [{ mrSigner: new Uint8Array(32) }, /MRSIGNER is 0000/],
      [{ isvProdId: 1 }, /ISVPRODID is 1, the enclave identity has 2/],
    ] as const)
      await assertOnly('quote/qe', reason, verifyFake({ quote: { enclave } }));
  });

  test('must vouch for the attestation key, in all 64 bytes', async () => {
    const bound = new Uint8Array(64).fill(9);
    await assertOnly(
      'quote/attestation-key',
      /the QE vouches for 0909/,
      verifyFake({ quote: { enclave: { reportData: bound } } }),
    );
    await assertOnly(
      'quote/attestation-key',
      /the attestation key has the SHA-256/,
      verifyFake({ quote: { parts: { qeAuthData: new Uint8Array(32) } } }),
    );
  });

  test('must be certified by a P-256 key', async () => {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, [
      'sign',
      'verify',
    ]);
    const publicKey = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey));
    const result = await verifyFake({ certificates: { pck: { publicKey } } });
    await assertOnly('quote/pck-certificate', /the certified key is not P-256/, result);
    assert.equal(checkOf(result, 'quote/qe-report-signature').status, 'not-applicable');
    const signer = await verifyFake({ certificates: { signer: { publicKey } } });
    await assertOnly('quote/tcb-signing-chain', /the certified key is not P-256/, signer);
  });
});

describe('the signature of a quote', () => {
  test('must be the attestation key’s', async () => {
    await assertOnly(
      'quote/signature',
      /the signature of the quote is wrong/,
      verifyFake({ quote: { signature: new Uint8Array(64) } }),
    );
  });

  test('needs an attestation key that is a point of the curve', async () => {
    const attestationKey = new Uint8Array(64).fill(1);
    const digest = await crypto.subtle.digest(
      'SHA-256',
      Buffer.concat([attestationKey, Uint8Array.from({ length: 32 }, (_, index) => index)]),
    );
    const reportData = new Uint8Array(64);
    reportData.set(new Uint8Array(digest));
    await assertOnly(
      'quote/signature',
      /no point of P-256/,
      verifyFake({ quote: { parts: { attestationKey }, enclave: { reportData } } }),
    );
  });
});

describe('the TDX module', () => {
  test('must be signed by whom the TCB info names and have no attributes', async () => {
    await assertOnly(
      'quote/tdx-module',
      /MRSIGNERSEAM is 0101/,
      verifyFake({ td: { mrSignerSeam: new Uint8Array(48).fill(1) } }),
    );
    await assertOnly(
      'quote/tdx-module',
      /SEAMATTRIBUTES are 0200/,
      verifyFake({ td: { seamAttributes: Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0) } }),
    );
    const wanted = (document: JsonDocument): JsonDocument => ({
      ...document,
      ...('tdxModuleIdentities' in document
        ? {
            tdxModuleIdentities: (document['tdxModuleIdentities'] as JsonDocument[]).map((identity) => ({
              ...identity,
              attributes: '0100000000000000',
            })),
          }
        : {}),
    });
    await assertOnly('quote/tdx-module', /the TCB info has 0100/, verifyFake({ tcbInfo: wanted }));
  });

  test('of version 0 is judged by the TCB info itself', async () => {
    const teeTcbSvn = Uint8Array.of(3, 0, 3, ...new Uint8Array(13));
    const ofVersion0 = {
      td: { teeTcbSvn, teeTcbSvn2: teeTcbSvn },
      tcbInfo: withLevels((level) => [
        {
          ...level,
          tcb: {
            ...(level['tcb'] as JsonDocument),
            tdxtcbcomponents: [...teeTcbSvn].map((svn) => ({ svn })),
          },
        },
      ]),
    };
    const result = await verifyFake(ofVersion0);
    assert.deepEqual(failures(result), []);
    assert.equal(result.claims?.tcb?.module, undefined);
    await assertOnly(
      'quote/tdx-module',
      /MRSIGNERSEAM/,
      verifyFake({ ...ofVersion0, td: { ...ofVersion0.td, mrSignerSeam: new Uint8Array(48).fill(1) } }),
    );
  });

  test('of a version that the TCB info does not know is refused', async () => {
    const others = (document: JsonDocument): JsonDocument => ({
      ...document,
      ...('tdxModuleIdentities' in document
        ? {
            tdxModuleIdentities: (document['tdxModuleIdentities'] as JsonDocument[]).map((identity) => ({
              ...identity,
              id: 'TDX_01',
            })),
          }
        : {}),
    });
    for (const tcbInfo of [withMembers({ tdxModuleIdentities: undefined }), others]) {
      const result = await verifyFake({ tcbInfo });
      assert.deepEqual(failures(result), ['quote/tdx-module', 'quote/tcb-level']);
      assert.match(checkOf(result, 'quote/tdx-module').detail, /knows no TDX module TDX_03/);
    }
  });
});

describe('the TCB level', () => {
  test('must apply to the platform', async () => {
    for (const [platform, td] of [
      [{ pceSvn: 12 }, {}],
      [{ components: [3, 3, 2, 2, 4, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0] }, {}],
      [{}, { teeTcbSvn: Uint8Array.of(3, 3, 2, ...new Uint8Array(13)) }],
    ] as const)
      await assertOnly('quote/tcb-level', /^TcbNotSupported: no level/, verifyFake({ platform, td }));
  });

  test('must not be revoked, nor that of the quoting enclave or the module', async () => {
    const revoked = withLevels((level) => [{ ...level, tcbStatus: 'Revoked' }]);
    await assertOnly('quote/tcb-level', /^Revoked/, verifyFake({ tcbInfo: revoked }));
    await assertOnly('quote/tcb-level', /^Revoked/, verifyFake({ identity: revoked }));
    const module = (document: JsonDocument): JsonDocument => ({
      ...document,
      ...('tdxModuleIdentities' in document
        ? { tdxModuleIdentities: (document['tdxModuleIdentities'] as JsonDocument[]).map(revoked) }
        : {}),
    });
    await assertOnly('quote/tcb-level', /^Revoked/, verifyFake({ tcbInfo: module }));
  });

  test('is told with its advisories', async () => {
    const result = await verifyFake({
      tee: 'sgx',
      tcbInfo: withLevels((level) => [
        { ...level, tcbStatus: 'SWHardeningNeeded', advisoryIDs: ['INTEL-SA-00615', 'INTEL-SA-00334'] },
      ]),
    });
    assert.deepEqual(failures(result), []);
    assert.match(
      checkOf(result, 'quote/tcb-level').detail,
      /SWHardeningNeeded as of .*INTEL-SA-00334, INTEL-SA-00615/,
    );
    assert.equal(sgxClaims(result).tcb?.status, 'SWHardeningNeeded');
  });
});

test('a cache forgets the signature that was met longest ago', () => {
  const cache = new KeyCache(2);
  for (const name of ['a', 'b']) cache.addSignature(name);
  assert.ok(cache.knowsSignature('a'));
  cache.addSignature('c');
  assert.deepEqual(
    ['a', 'b', 'c'].filter((name) => cache.knowsSignature(name)),
    ['a', 'c'],
  );
});
