// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { toHex } from '@enarx/protocol';

import { readCollateral, type Collateral } from '../../src/intel/collateral.ts';
import { longestJson, readJson } from '../../src/intel/json.ts';
import { writePem } from '../../src/pem.ts';
import { KeyCache } from '../../src/x509/key-cache.ts';
import { issueRevocationList, signDocument } from '../../../simulator/src/intel/index.ts';
import { at, fakePlatform, from, keys, verifyFake, withLevels, withMembers } from './fake-intel.ts';
import { failures } from '../support/verifying.ts';

const { material, platform } = await fakePlatform();
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const asText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const read = (...files: readonly Uint8Array[]): Collateral => readCollateral(files, new KeyCache());
const pems = (...certificates: readonly Uint8Array[]): string =>
  certificates.map((one) => writePem('CERTIFICATE', one)).join('');
const counts = ({ certificates, revocationLists, documents, eventLogs, unreadable }: Collateral): number[] =>
  [certificates, revocationLists, documents, eventLogs, unreadable].map(({ length }) => length);

/** A document of Intel’s taken apart, for the bundles. */
function parts(document: Uint8Array): { readonly inner: string; readonly signature: string } {
  const found = /^\{"(?:tcbInfo|enclaveIdentity)":(.*),"signature":"([0-9a-f]{128})"\}$/.exec(
    asText(document),
  );
  assert.ok(found?.[1] !== undefined && found[2] !== undefined);
  return { inner: found[1], signature: found[2] };
}

describe('collateral is read', () => {
  test('from PEM, also with zeros behind it and with blocks that follow each other on one line', () => {
    const chain = pems(material.signer, material.root);
    for (const form of [
      chain,
      `${chain}\0`,
      chain.replace('-----\n-----', '----------'),
      chain.replace(/\n/g, '\r\n'),
    ])
      assert.deepEqual(counts(read(text(form))), [2, 0, 0, 0, 0], form.slice(-40));
  });

  test('from the headers of Intel’s service, percent-encoded, with or without their names', () => {
    const encoded = encodeURIComponent(pems(material.signer, material.root));
    for (const form of [
      encoded,
      `TCB-Info-Issuer-Chain: ${encoded}`,
      `SGX-PCK-CRL-Issuer-Chain: ${encodeURIComponent(pems(material.authority, material.root))}\r\nRequest-ID: 1\r\n`,
    ])
      assert.deepEqual(counts(read(text(form))), [2, 0, 0, 0, 0]);
    assert.match(read(text('-----BEGIN%20CERTIFICATE%')).unreadable[0] as string, /wrong escape/);
  });

  test('from DER, hex and base64, lists among them', () => {
    const list = material.pckList;
    for (const form of [
      list,
      text(toHex(list)),
      text(Buffer.from(list).toString('base64')),
      text(writePem('X509 CRL', list)),
    ])
      assert.deepEqual(counts(read(form)), [0, 1, 0, 0, 0]);
  });

  test('from DER that ends in a zero, as one of 256 signatures does', async () => {
    for (;;) {
      const list = await issueRevocationList(keys.authority, { thisUpdate: from, nextUpdate: at });
      if (list.at(-1) !== 0) continue;
      assert.deepEqual(counts(read(list)), [0, 1, 0, 0, 0]);
      return;
    }
  });

  test('from the bundles of collateral caches, in snake and in camel case', async () => {
    const tcb = parts(material.tdxTcbInfo);
    const identity = parts(material.tdQeIdentity);
    const members: Readonly<Record<string, string>> = {
      pck_crl_issuer_chain: pems(material.authority, material.root),
      root_ca_crl: toHex(material.rootList),
      pck_crl: toHex(material.pckList),
      tcb_info_issuer_chain: pems(material.signer, material.root),
      tcb_info: tcb.inner,
      tcb_info_signature: tcb.signature,
      qe_identity_issuer_chain: encodeURIComponent(pems(material.signer, material.root)),
      qe_identity: identity.inner,
      qe_identity_signature: identity.signature,
    };
    const camel = Object.fromEntries(
      Object.entries(members).map(([name, value]) => [
        name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
        value,
      ]),
    );
    const whole = {
      ...members,
      tcb_info: asText(material.tdxTcbInfo),
      qe_identity: asText(material.tdQeIdentity),
    };
    for (const bundle of [members, camel, whole]) {
      const file = text(JSON.stringify(bundle));
      assert.deepEqual(counts(read(file)), [6, 2, 2, 0, 0]);
      assert.deepEqual(failures(await verifyFake({ collateral: () => [file] })), []);
    }
    const lists = JSON.stringify({ pck_crl: toHex(material.pckList), version: 3 });
    assert.deepEqual(counts(read(text(lists))), [0, 1, 0, 0, 0]);
  });

  test('once only with a cache, however often it comes, and the least recent is forgotten', () => {
    const cache = new KeyCache();
    const [first] = readCollateral([material.rootList], cache).revocationLists;
    assert.equal(readCollateral([material.rootList], cache).revocationLists[0], first);
    for (let size = 1; size <= 64; size += 1)
      readCollateral([text('\n'.repeat(size) + toHex(material.pckList))], cache);
    assert.notEqual(readCollateral([material.rootList], cache).revocationLists[0], first);
    // Same length, another end, once with and once without a whole number of words.
    for (const size of [1, 2, 3, 4]) {
      const [spaced, broken] = [' ', '\n'].map((end) =>
        text(toHex(material.pckList) + '\n'.repeat(size) + end),
      );
      const [one] = readCollateral([spaced as Uint8Array], cache).revocationLists;
      const [other] = readCollateral([broken as Uint8Array], cache).revocationLists;
      assert.notEqual(one, other);
      const shifted = concatShifted(spaced as Uint8Array);
      assert.equal(readCollateral([shifted], cache).revocationLists[0], one);
    }
    const large = text(' '.repeat(131_072) + toHex(material.pckList));
    const [one] = readCollateral([large], cache).revocationLists;
    assert.notEqual(readCollateral([large], cache).revocationLists[0], one);
  });
});

/** The same bytes one byte off a word’s boundary. */
function concatShifted(bytes: Uint8Array): Uint8Array {
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  return shifted.subarray(1);
}

describe('collateral is refused', () => {
  const refusedAs = (file: Uint8Array | string, reason: RegExp): void => {
    const { unreadable, documents } = read(typeof file === 'string' ? text(file) : file);
    assert.equal(documents.length, 0);
    assert.match(unreadable[0] ?? '', reason);
  };
  const signature = 'ab'.repeat(64);
  const tcbInfo = JSON.parse(parts(material.tdxTcbInfo).inner) as Record<string, unknown>;
  const identity = JSON.parse(parts(material.qeIdentity).inner) as Record<string, unknown>;
  const info = (members: Record<string, unknown>): string =>
    JSON.stringify({ tcbInfo: { ...tcbInfo, ...members }, signature });
  const identified = (members: Record<string, unknown>): string =>
    JSON.stringify({ enclaveIdentity: { ...identity, ...members }, signature });

  test('that is no JSON object of Intel’s', () => {
    refusedAs('{"what": 1}', /JSON with the members what/);
    refusedAs('{"tcbInfo": {}, "signature": "ab", "more": 1}', /members beside tcbInfo and signature/);
    refusedAs('{"tcbInfo": [], "signature": "ab"}', /tcbInfo that is no object/);
    refusedAs(JSON.stringify({ tcbInfo }), /members beside tcbInfo and signature/);
    refusedAs(JSON.stringify({ tcbInfo, signature: 'ab' }), /signature that is not 64 bytes in hexadecimal/);
    refusedAs('{"pck_crl": 7}', /pckCrl that is no text/);
    refusedAs('{"pck_crl": "7"}', /./);
    refusedAs('{"tcb_info": "{}", "tcb_info_signature": "7"}', /tcbInfoSignature that is not 64 bytes/);
    refusedAs('{"tcb_info": "[]"}', /no object/);
    refusedAs('neither', /DER/);
  });

  test('with TCB info that has not what it must have', () => {
    const [level] = tcbInfo['tcbLevels'] as Record<string, unknown>[];
    const withTcb = (tcb: Record<string, unknown>): string =>
      info({ tcbLevels: [{ ...level, tcb: { ...(level?.['tcb'] as object), ...tcb } }] });
    const ones = Array.from({ length: 16 }, () => ({ svn: 1 }));
    for (const [bad, reason] of [
      [info({ version: 1 }), /TCB info of version 1/],
      [info({ version: 4 }), /TCB info of version 4/],
      [info({ version: '3' }), /version that is no whole number/],
      [info({ id: 'TDX2' }), /id "TDX2"/],
      [info({ tcbType: 1 }), /tcbType that is no whole number up to 0/],
      [info({ issueDate: '2026-06-01' }), /issueDate that is no time/],
      [info({ issueDate: '2026-02-30T00:00:00Z' }), /the time/],
      [info({ nextUpdate: 7 }), /nextUpdate that is no text/],
      [info({ fmspc: '00' }), /fmspc that is not 6 bytes/],
      [info({ pceId: 'zz00' }), /pceId that is not 2 bytes/],
      [info({ tcbEvaluationDataNumber: -1 }), /tcbEvaluationDataNumber/],
      [info({ tcbEvaluationDataNumber: 1.5 }), /tcbEvaluationDataNumber/],
      [info({ tdxModule: null }), /tdxModule that is no object/],
      [info({ tdxModule: undefined }), /no tdxModule/],
      [info({ tdxModuleIdentities: [] }), /tdxModuleIdentities that is empty/],
      [info({ id: 'SGX' }), /a TDX module in TCB info of SGX/],
      [info({ id: 'SGX', tdxModuleIdentities: undefined }), /a TDX module in TCB info of SGX/],
      [info({ tdxModuleIdentities: {} }), /tdxModuleIdentities that is no list/],
      [info({ tdxModuleIdentities: [1] }), /tdxModuleIdentities that is no object/],
      [info({ tcbLevels: [] }), /no level in tcbLevels/],
      [info({ tcbLevels: [level, level] }), /the same level twice/],
      [info({ tcbLevels: Array.from({ length: 257 }, () => level) }), /no list of at most 256/],
      [info({ tcbLevels: [{ ...level, tcbStatus: 'Fine' }] }), /tcbStatus "Fine"; expected UpToDate/],
      [info({ tcbLevels: [{ ...level, tcbDate: 'x' }] }), /tcbDate/],
      [info({ tcbLevels: [{ ...level, advisoryIDs: 'x' }] }), /advisoryIDs that is no list/],
      [info({ tcbLevels: [{ ...level, advisoryIDs: [7] }] }), /something else than short texts/],
      [info({ tcbLevels: [{ ...level, advisoryIDs: ['x'.repeat(65)] }] }), /something else than short texts/],
      [withTcb({ sgxtcbcomponents: ones.slice(1) }), /15 sgxtcbcomponents/],
      [withTcb({ sgxtcbcomponents: [...ones, ...ones] }), /no list of at most 16/],
      [withTcb({ tdxtcbcomponents: ones.map(() => 1) }), /tdxtcbcomponents that is no object/],
      [
        withTcb({ tdxtcbcomponents: ones.map(() => ({ svn: 256 })) }),
        /svn that is no whole number up to 255/,
      ],
      [withTcb({ pcesvn: 65_536 }), /pcesvn/],
    ] as const)
      refusedAs(bad, reason);
  });

  test('with an enclave identity that has not what it must have', () => {
    for (const [bad, reason] of [
      [identified({ version: 1 }), /no isvsvn/],
      [identified({ version: 3 }), /an enclave identity of version 3; expected 1 or 2/],
      [identified({ id: 'PCE' }), /id "PCE"/],
      [identified({ miscselect: '00' }), /miscselect that is not 4 bytes/],
      [identified({ attributesMask: '00' }), /attributesMask that is not 16 bytes/],
      [identified({ mrsigner: '' }), /mrsigner that is not 32 bytes/],
      [identified({ isvprodid: 65_536 }), /isvprodid/],
      [
        identified({ tcbLevels: [{ tcb: { isvsvn: 1 }, tcbStatus: 'SWHardeningNeeded' }] }),
        /tcbStatus "SWHardeningNeeded"/,
      ],
      [identified({ tcbLevels: [{}] }), /no tcb/],
    ] as const)
      refusedAs(bad, reason);
  });
});

describe('TCB info of version 2', () => {
  test('is of SGX, with a number for each component', async () => {
    const numbered = (document: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
      withLevels((level) => {
        const { sgxtcbcomponents, pcesvn } = level['tcb'] as {
          sgxtcbcomponents: { svn: number }[];
          pcesvn: number;
        };
        const components = sgxtcbcomponents.map(({ svn }, index) => [
          `sgxtcbcomp${String(index + 1).padStart(2, '0')}svn`,
          svn,
        ]);
        return [{ ...level, tcb: { ...Object.fromEntries(components), pcesvn } }];
      })(withMembers({ version: 2, id: undefined })(document));
    const result = await verifyFake({
      tee: 'sgx',
      tcbInfo: (document) => (document['id'] === 'SGX' ? numbered(document) : document),
    });
    assert.deepEqual(failures(result), []);
  });
});

describe('JSON', () => {
  test('of every kind of value is read as JSON.parse reads it, with the place of each member', () => {
    const source =
      ' {"a" : [1, -2.5e+3, 0.25, 1E2,[] ,{}], "b\\u0041\\n": "\\"x\\\\", "c":true,"d":false ,"e":null, "f":{"g":"€"}}\n';
    const object = readJson(source);
    const plain = (value: unknown): unknown =>
      value instanceof Map
        ? Object.fromEntries(
            [...(value as ReturnType<typeof readJson>)].map(([name, member]) => [name, plain(member.value)]),
          )
        : Array.isArray(value)
          ? value.map(plain)
          : value;
    assert.deepEqual(plain(object), JSON.parse(source));
    for (const [name, { start, end }] of object)
      assert.deepEqual(
        JSON.parse(source.slice(start, end)),
        (JSON.parse(source) as Record<string, unknown>)[name],
      );
    assert.equal(readJson('{}').size, 0);
  });

  test('that is not strict is refused', () => {
    for (const [bad, reason] of [
      ['', /no value at 0/],
      ['[]', /no object/],
      ['{"a":1}{', /something behind/],
      ['{"a":1,"a":1}', /the member a twice/],
      ['{"a":1,"\\u0061":2}', /the member a twice/],
      ['{"a":1,}', /no member name/],
      ['{a:1}', /no member name/],
      ['{"a" 1}', /no “:”/],
      ['{"a":1', /no “}”/],
      ['{"a":[1', /no “]”/],
      ['{"a":[1,]}', /no value/],
      ['{"a":01}', /no “}”/],
      ['{"a":.5}', /no value/],
      ['{"a":+1}', /no value/],
      ['{"a":NaN}', /no value/],
      ['{"a":True}', /no value/],
      ['{"a":"', /a string that is none/],
      ['{"a":"\\x"}', /a string that is none/],
      ['{"a":"\u0001"}', /a string that is none/],
      ["{'a':1}", /no member name/],
      ['{"a":1/* */}', /no “}”/],
      [`{"a":${'['.repeat(17)}${']'.repeat(17)}}`, /more than 16 levels/],
      [`{"a":"${'x'.repeat(longestJson)}"}`, /characters/],
    ] as const)
      assert.throws(() => readJson(bad), { code: 'intel/json-malformed', message: reason }, bad.slice(0, 30));
    assert.doesNotThrow(() => readJson(`{"a":${'['.repeat(16)}${']'.repeat(16)}}`));
  });
});

test('a document is signed for as it was received, white space and all', async () => {
  const spaced = await signDocument(
    'tcbInfo',
    JSON.parse(parts(material.tdxTcbInfo).inner) as Record<string, unknown>,
    keys.signer.key,
  );
  const loose = text(
    asText(spaced).replace('{"tcbInfo":', ' {\n "tcbInfo" : ').replace(',"signature":', ' ,\n"signature": '),
  );
  const files = platform.collateral.filter((file) => file !== material.tdxTcbInfo);
  assert.deepEqual(failures(await verifyFake({ collateral: () => [...files, loose] })), []);
});
