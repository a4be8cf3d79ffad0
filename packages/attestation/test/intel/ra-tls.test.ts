// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { concatBytes, encodeCbor } from '@enarx/protocol';

import { readCertifiedQuote } from '../../src/intel/ra-tls.ts';
import { writePem } from '../../src/pem.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { certify, createAuthority } from '../../../simulator/src/intel/index.ts';
import { checkOf, failures } from '../support/verifying.ts';
import { at, fakePlatform, from } from './fake-intel.ts';

const { platform, anchor } = await fakePlatform();
const server = await createAuthority('a server');
const tagged = '2.23.133.5.4.9';

const digest = async (bytes: Uint8Array, name = 'SHA-256'): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest(name, bytes as Uint8Array<ArrayBuffer>));
const quoteFor = async (bytes: Uint8Array): Promise<Uint8Array> =>
  platform.enclave().quote(concatBytes(await digest(bytes), new Uint8Array(32)));
const byteString = (bytes: Uint8Array): Uint8Array =>
  bytes.length < 256
    ? concatBytes(Uint8Array.of(0x58, bytes.length), bytes)
    : concatBytes(Uint8Array.of(0x59, bytes.length >> 8, bytes.length & 0xff), bytes);
const evidence = (quote: Uint8Array, claims: Uint8Array): Uint8Array =>
  concatBytes(Uint8Array.of(0xd9, 0xea, 0x60, 0x82), byteString(quote), byteString(claims));
const claimsFor = async (algorithm: number, name: string): Promise<Uint8Array> =>
  encodeCbor(new Map([['pubkey-hash', encodeCbor([algorithm, await digest(server.publicKey, name)])]]));
const certificate = (
  ...extensions: readonly { oid: string; value: Uint8Array; critical?: boolean }[]
): Promise<Uint8Array> => certify(server, server, { notBefore: from, notAfter: at }, extensions);
const verify = (bytes: Uint8Array): ReturnType<typeof verifyEvidence> =>
  verifyEvidence({ evidence: bytes, endorsements: platform.collateral, anchors: [anchor], at });

describe('a quote in a certificate', () => {
  test('is for the key by its claims, with each hash, in DER and in PEM', async () => {
    for (const [algorithm, name] of [
      [1, 'SHA-256'],
      [7, 'SHA-384'],
      [8, 'SHA-512'],
    ] as const) {
      const claims = await claimsFor(algorithm, name);
      const der = await certificate(
        { oid: '1.2.3', value: Uint8Array.of(5, 0) },
        { oid: tagged, value: evidence(await quoteFor(claims), claims), critical: true },
      );
      for (const form of [der, new TextEncoder().encode(writePem('CERTIFICATE', der))])
        assert.deepEqual(failures(await verify(form)), []);
    }
  });

  test('is for the key by itself where it stands bare, as older tools put it', async () => {
    const der = await certificate({ oid: '1.2.840.113741.1337.6', value: await quoteFor(server.publicKey) });
    const result = await verify(der);
    assert.deepEqual(failures(result), []);
    assert.match(checkOf(result, 'quote/certificate-key').detail, /SHA-256 of the key/);
    const bound = concatBytes(await digest(server.publicKey), new Uint8Array(32));
    for (const version of [4, 5] as const) {
      const value = await platform.trustDomain({}, version).quote(bound);
      assert.deepEqual(
        failures(await verify(await certificate({ oid: '1.2.840.113741.1.13.1', value }))),
        [],
      );
    }
  });

  test('is refused when it is for another key or other claims', async () => {
    const claims = await claimsFor(1, 'SHA-256');
    const others = encodeCbor(new Map([['pubkey-hash', encodeCbor([1, new Uint8Array(32)])]]));
    const nothing = encodeCbor(new Map());
    const unknown = encodeCbor(new Map([['pubkey-hash', encodeCbor([2, new Uint8Array(32)])]]));
    for (const [extension, reason] of [
      [await quoteFor(claims), /for another key/],
      [evidence(await quoteFor(others), claims), /for other claims/],
      [evidence(await quoteFor(others), others), /for another key than that of the certificate/],
      [evidence(await quoteFor(nothing), nothing), /do not say which key/],
      [evidence(await quoteFor(unknown), unknown), /do not say which key/],
    ] as const) {
      const result = await verify(await certificate({ oid: tagged, value: extension }));
      assert.deepEqual(failures(result), ['quote/certificate-key']);
      assert.match(checkOf(result, 'quote/certificate-key').detail, reason);
    }
  });

  test('is not found where there is none', async () => {
    const quote = await quoteFor(server.publicKey);
    const tag = Uint8Array.of(0xd9, 0xea, 0x60, 0x82);
    for (const value of [
      Uint8Array.of(5, 0),
      concatBytes(tag, byteString(quote)),
      concatBytes(tag, byteString(quote), Uint8Array.of(0x58)),
      concatBytes(tag, Uint8Array.of(0x59)),
      concatBytes(tag, byteString(quote), Uint8Array.of(0x40)),
    ])
      assert.equal(readCertifiedQuote(await certificate({ oid: tagged, value })), undefined);
    assert.equal(
      readCertifiedQuote(await certificate({ oid: '1.2.3', value: evidence(quote, quote.subarray(0, 9)) })),
      undefined,
    );
    assert.equal(readCertifiedQuote(await certificate()), undefined);
    // A certification request begins with its version, without a tag.
    assert.equal(readCertifiedQuote(Uint8Array.of(0x30, 5, 0x30, 3, 2, 1, 0)), undefined);
    for (const bytes of [
      await certificate(),
      Uint8Array.of(0x30, 1),
      new TextEncoder().encode('-----BEGIN CERTIFICATE-----\n'),
      new TextEncoder().encode('-----BEGIN \n'),
      await certificate({ oid: tagged, value: evidence(new Uint8Array(60), new Uint8Array(60)) }),
    ])
      await assert.rejects(verify(bytes), { name: 'EnarxError' });
  });
});
