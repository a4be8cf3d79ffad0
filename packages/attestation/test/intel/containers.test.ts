// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { concatBytes, fromHex, toHex } from '@enarx/protocol';

import { readCollateral } from '../../src/intel/collateral.ts';
import { writePem } from '../../src/pem.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { KeyCache } from '../../src/x509/key-cache.ts';
import { certify, createAuthority } from '../../../simulator/src/intel/index.ts';
import { assertOnly, checkOf, failures } from '../support/verifying.ts';
import { at, fakePlatform, from, sgxClaims, tdxClaims, verifyFake } from './fake-intel.ts';

// The wrappers were also read as Open Enclave 0.19, Signal and Intel’s MigTD published them, with quotes and collateral of theirs
// that verify; those files are of other licences and not here.

const { platform, anchor, material } = await fakePlatform();
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const u16 = (value: number): Uint8Array => Uint8Array.of(value & 0xff, value >> 8);
const u32 = (value: number): Uint8Array => concatBytes(u16(value & 0xffff), u16(value >>> 16));
const u64 = (value: number): Uint8Array => concatBytes(u32(value), u32(0));
const pems = (...certificates: readonly Uint8Array[]): Uint8Array =>
  utf8(certificates.map((one) => writePem('CERTIFICATE', one)).join(''));
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const terminated = (bytes: Uint8Array): Uint8Array => concatBytes(bytes, new Uint8Array(1));
const digest = async (bytes: Uint8Array): Promise<Uint8Array> =>
  concatBytes(
    new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)),
    new Uint8Array(32),
  );

/** `oe_report_header_t`. */
const inReport = (quote: Uint8Array): Uint8Array => concatBytes(u32(1), u32(2), u64(quote.length), quote);

const formats = {
  sgx: 'a3a21e871b4d4014b70aa125d2fbcd8c',
  raw: '1923d91e12d24c72b22025cd8dace871',
  tdx: '8ba70286c1cf11edafa10242ac120002',
  legacy: 'c8303454d9234c2ca691df7def460a76',
  local: '09268c336e0b45e58a2715644d0ef89a',
} as const;

/** `oe_attestation_header_t`: the size is aligned to eight bytes. */
const inHeader = (format: keyof typeof formats, data: Uint8Array): Uint8Array =>
  concatBytes(u32(3), fromHex(formats[format]) as Uint8Array, new Uint8Array(4), u64(data.length), data);

const verify = (
  evidence: Uint8Array,
  endorsements: readonly Uint8Array[] = platform.collateral,
): ReturnType<typeof verifyEvidence> => verifyEvidence({ evidence, endorsements, anchors: [anchor], at });

describe('Open Enclave’s evidence', () => {
  test('is a quote behind a header, of a report or of evidence', async () => {
    const quote = await platform.enclave().quote(new Uint8Array(64));
    const guest = await platform.trustDomain().quote(new Uint8Array(64));
    for (const evidence of [
      inReport(quote),
      inHeader('sgx', quote),
      inHeader('raw', quote),
      inHeader('legacy', inReport(quote)),
      inHeader('tdx', guest),
    ])
      assert.deepEqual(failures(await verify(evidence)), []);
  });

  test('whose header is of another kind, version or length is no evidence', async () => {
    const quote = await platform.enclave().quote(new Uint8Array(64));
    const altered = (bytes: Uint8Array, at: number, value: number): Uint8Array => bytes.with(at, value);
    for (const evidence of [
      altered(inReport(quote), 0, 2),
      altered(inReport(quote), 4, 1),
      concatBytes(inReport(quote), Uint8Array.of(0)),
      altered(inHeader('sgx', quote), 0, 2),
      concatBytes(inHeader('sgx', quote), Uint8Array.of(0)),
      inHeader('local', quote),
      inHeader('legacy', quote),
      inHeader('sgx', new Uint8Array(400)),
      inHeader('legacy', new Uint8Array(8)),
    ])
      await assert.rejects(verify(evidence), { name: 'EnarxError' });
  });

  test('may have claims behind the quote, which the report data must be of', async () => {
    const claims = utf8('claims of an enclave');
    const result = await verifyFake({
      tee: 'sgx',
      reportData: await digest(claims),
      evidence: (quote) => inHeader('sgx', concatBytes(quote, claims)),
    });
    assert.deepEqual(failures(result), []);
    assert.deepEqual(sgxClaims(result).quote.claims, claims);
    assert.match(
      checkOf(result, 'quote/padding').detail,
      /20 bytes behind the quote, of which the report data/,
    );
    await assertOnly(
      'quote/padding',
      /neither all zero nor/,
      verifyFake({
        tee: 'sgx',
        reportData: await digest(claims),
        evidence: (quote) => concatBytes(quote, claims, Uint8Array.of(1)),
      }),
    );
    // All 64 bytes count: the other half says something, too.
    const more = await digest(claims);
    more[63] = 1;
    await assertOnly(
      'quote/padding',
      /neither all zero nor/,
      verifyFake({ tee: 'sgx', reportData: more, evidence: (quote) => concatBytes(quote, claims) }),
    );
    assert.equal(sgxClaims(await verifyFake({ tee: 'sgx' })).quote.claims, undefined);
  });

  test('stands in certificates, for the text of their key', async () => {
    const server = await createAuthority('a server');
    const key = utf8(`${writePem('PUBLIC KEY', server.publicKey)}\0`);
    const quote = await platform.enclave().quote(await digest(key));
    const certificate = (oid: string, value: Uint8Array): Promise<Uint8Array> =>
      certify(server, server, { notBefore: from, notAfter: at }, [{ oid, value }]);
    for (const [oid, value] of [
      ['1.2.840.113556.10.1.1', inReport(quote)],
      ['1.3.6.1.4.1.311.105.1', inReport(quote)],
      ['1.3.6.1.4.1.311.105.2', inHeader('sgx', concatBytes(quote, key))],
    ] as const) {
      const result = await verify(await certificate(oid, value));
      assert.deepEqual(failures(result), []);
      assert.match(checkOf(result, 'quote/certificate-key').detail, /SHA-256 of the key in PEM/);
    }
    const other = await platform.enclave().quote(await digest(key.subarray(1)));
    await assertOnly(
      'quote/certificate-key',
      /for another key/,
      verify(await certificate('1.2.840.113556.10.1.1', inReport(other))),
    );
  });
});

/** The members of collateral as C programs have them: texts with their zero, lists in DER with one. */
const members: readonly Uint8Array[] = [
  material.sgxTcbInfo,
  pems(material.signer, material.root),
  material.pckList,
  material.rootList,
  pems(material.authority, material.root),
  material.qeIdentity,
  pems(material.signer, material.root),
].map(terminated);

/** `oe_endorsements_t` with the fields of SGX around the members. */
function endorsements(fields: readonly Uint8Array[] = members): Uint8Array {
  const all = [u32(1), ...fields, utf8('2026-06-01T12:00:00Z\0')];
  const offsets = all.map((_, index) => u32(concatBytes(...all.slice(0, index)).length));
  const data = concatBytes(...offsets, ...all);
  return concatBytes(u32(1), u32(2), u32(data.length), u32(all.length), data);
}

/** `sgx_ql_qve_collateral_t` as it lies in memory, its pointers worth nothing. */
function structure(version: Uint8Array, tee: number, parts: readonly Uint8Array[]): Uint8Array {
  const pointers = parts.map((part) => concatBytes(u64(0x0df1_f508), u64(part.length)));
  return concatBytes(version, u32(tee), ...pointers, ...parts);
}

const structured = (info: Uint8Array, identity: Uint8Array, list = (der: Uint8Array) => der): Uint8Array[] =>
  [
    pems(material.authority, material.root),
    list(material.rootList),
    list(material.pckList),
    pems(material.signer, material.root),
    info,
    pems(material.signer, material.root),
    identity,
  ].map(terminated);

describe('collateral', () => {
  test('in Open Enclave’s endorsements is all that a quote needs', async () => {
    const quote = await platform.enclave().quote(new Uint8Array(64));
    for (const file of [endorsements(), inHeader('sgx', endorsements())])
      assert.deepEqual(failures(await verify(quote, [file])), []);
  });

  test('in the structure of Intel’s quote providers is all that a quote needs, whatever its version', async () => {
    const hex = (der: Uint8Array): Uint8Array => utf8(toHex(der).toUpperCase());
    const pem = (der: Uint8Array): Uint8Array => utf8(writePem('X509 CRL', der));
    const enclave = await platform.enclave().quote(new Uint8Array(64));
    const guest = await platform.trustDomain().quote(new Uint8Array(64));
    const { sgxTcbInfo, qeIdentity, tdxTcbInfo, tdQeIdentity } = material;
    for (const [quote, file] of [
      [enclave, structure(u32(1), 0, structured(sgxTcbInfo, qeIdentity, hex))],
      [enclave, structure(u32(3), 0, structured(sgxTcbInfo, qeIdentity, pem))],
      [enclave, structure(u32(0x1_0003), 0, structured(sgxTcbInfo, qeIdentity))],
      [guest, structure(u32(4), 0x81, structured(tdxTcbInfo, tdQeIdentity, hex))],
    ] as const)
      assert.deepEqual(failures(await verify(quote, [file])), []);
  });

  test('in MigTD’s bundle is that of many platforms, of which the right one counts', async () => {
    const others = await fakePlatform({ tcbInfo: (document) => ({ ...document, fmspc: '00A06D080000' }) });
    const platformOf = (info: Uint8Array): Record<string, unknown> => ({
      fmspc: '90C06F000000',
      tcbInfoIssuerChain: text(pems(material.signer, material.root)),
      tcbInfo: text(info),
    });
    const bundle = {
      majorVersion: 1,
      minorVersion: 0,
      teeType: 129,
      rootCa: text(pems(material.root)),
      pckCrlIssuerChain: text(pems(material.authority, material.root)),
      rootCaCrl: writePem('X509 CRL', material.rootList),
      pckCrl: writePem('X509 CRL', material.pckList),
      platforms: [platformOf(others.material.tdxTcbInfo), platformOf(material.tdxTcbInfo)],
      qeIdentityIssuerChain: text(pems(material.signer, material.root)),
      qeIdentity: text(material.tdQeIdentity),
    };
    const quote = await platform.trustDomain().quote(new Uint8Array(64));
    assert.deepEqual(failures(await verify(quote, [utf8(JSON.stringify(bundle))])), []);
    const many = { platforms: Array.from({ length: 65 }, () => ({})) };
    const refused = (value: unknown): string =>
      readCollateral([utf8(JSON.stringify(value))], new KeyCache()).unreadable[0] ?? '';
    assert.match(refused(many), /platforms that is no list of at most 64/);
    assert.match(refused({ platforms: [1] }), /platforms that is no object/);
    assert.match(refused({ platforms: [{}] }), /JSON with the members platforms/);
  });

  test('whose wrapper does not agree with its length is refused', () => {
    const refused = (file: Uint8Array): string => readCollateral([file], new KeyCache()).unreadable[0] ?? '';
    const whole = endorsements();
    assert.match(refused(whole.subarray(0, -1)), /another length than they say/);
    assert.match(refused(concatBytes(u32(1), u32(2), u32(4), u32(9), u32(0))), /another length/);
    // The second field begins behind the third.
    assert.match(refused(whole.with(16 + 6, 1)), /fields overlap/);
    const other = structure(u32(4), 0x81, structured(material.tdxTcbInfo, material.tdQeIdentity));
    assert.match(refused(other.subarray(0, -1)), /bytes of a collateral structure; expected/);
    // Versions and kinds that nobody has made are no wrapper.
    for (const file of [
      whole.with(0, 2),
      whole.with(4, 1),
      whole.with(12, 8),
      other.with(0, 2),
      other.with(4, 1),
      // A quote of version 4, given where collateral belongs.
      other.with(2, 2),
    ])
      assert.match(refused(file), /endorsement 1: /);
    assert.match(refused(whole.subarray(0, 12)), /endorsement 1: /);
  });

  test('of DER that ends in a zero by itself keeps it', async () => {
    for (;;) {
      const { material: made, anchor: root, platform: maker } = await fakePlatform();
      if (made.pckList.at(-1) !== 0) continue;
      const fields = [...members.slice(0, 2), made.pckList, made.rootList, ...members.slice(4)];
      const quote = await maker.enclave().quote(new Uint8Array(64));
      const result = await verifyEvidence({
        evidence: quote,
        endorsements: [
          ...maker.collateral.filter((file) => file !== made.pckList && file !== made.rootList),
          endorsements(fields),
        ],
        anchors: [root],
        at,
      });
      assert.deepEqual(failures(result), []);
      return;
    }
  });
});

describe('a TD report 1.5ex', () => {
  const extension = Uint8Array.from({ length: 237 }, (_, index) => index);

  test('is read to its end, and its second TEE_TCB_SVN counts as that of 1.5 does', async () => {
    const result = await verifyFake({ td: { extension }, tdReport: '1.5ex' });
    assert.deepEqual(failures(result), []);
    const { report, tcb } = tdxClaims(result);
    assert.equal(report.version, '1.5ex');
    assert.equal(tcb?.current, 'UpToDate');
    const part = (start: number, length: number): Uint8Array => extension.subarray(start, start + length);
    assert.deepEqual(report.extension, {
      vmId: 0,
      tdId: part(1, 32),
      deviceInfo: part(33, 48),
      initial: {
        serviceTd: part(81, 48),
        serviceTdAttributes: part(129, 8),
        cpuSvn: part(137, 16),
        teeTcbSvn: part(153, 16),
        fmspc: part(169, 12),
      },
      serviceTd: part(181, 48),
      serviceTdAttributes: part(229, 8),
    });
    const older = await verifyFake({ td: { extension }, tdReport: '1.5' });
    assert.equal(tdxClaims(older).report.extension, undefined);
  });

  test('in a quote of version 5 may also be 1.0, which says nothing of the module that runs now', async () => {
    const result = await verifyFake({ tdReport: '1.0' });
    assert.deepEqual(failures(result), []);
    assert.equal(tdxClaims(result).report.version, '1.0');
    assert.equal(tdxClaims(result).tcb?.current, undefined);
  });

  test('whose module that runs now is at no level of Intel’s is refused', async () => {
    const teeTcbSvn2 = Uint8Array.of(0, 9, ...new Uint8Array(14));
    await assertOnly(
      'quote/tcb-level',
      /for the TDX module that runs now/,
      verifyFake({ td: { teeTcbSvn2 }, tdReport: '1.5ex' }),
    );
  });
});
