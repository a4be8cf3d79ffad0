// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { concatBytes, toHex } from '@enarx/protocol';

import { readDstackNitro, readDstackTdx } from '../../src/dstack/quote.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { derElement, tags } from '../../src/der/index.ts';
import { certify, createAuthority } from '../../../simulator/src/intel/index.ts';
import { at, fakePlatform, from } from '../intel/fake-intel.ts';
import { checkOf, failures } from '../support/verifying.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const u32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};
/** The codec’s compact integer in one octet or two. */
const compact = (value: number): Uint8Array =>
  value < 64 ? Uint8Array.of(value * 4) : Uint8Array.of(((value * 4) & 0xff) | 1, (value * 4) >> 8);
const sized = (bytes: Uint8Array): Uint8Array => concatBytes(compact(bytes.length), bytes);
const event = (
  imr: number,
  type: number,
  digest: Uint8Array,
  name: string,
  payload: Uint8Array,
): Uint8Array => concatBytes(u32(imr), u32(type), sized(digest), sized(utf8(name)), sized(payload));
/** One event of the run, report data, configuration. */
const rest = concatBytes(
  compact(1),
  sized(utf8('name')),
  sized(Uint8Array.of(1)),
  new Uint8Array(64),
  sized(utf8('{}')),
);
const runtime = 0x0800_0001;
const payload = Uint8Array.of(0xde, 0xad);
const sha384 = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await crypto.subtle.digest('SHA-384', bytes));
const measured = await sha384(concatBytes(Uint8Array.of(1, 0, 0, 8), utf8(':app-id:'), payload));
const zero = new Uint8Array(48);
const { platform, anchor } = await fakePlatform();
const quote = await platform
  .trustDomain({ rtmrs: [new Uint8Array(48).fill(9), zero, zero, await sha384(concatBytes(zero, measured))] })
  .quote(new Uint8Array(64));
const attestation = concatBytes(
  Uint8Array.of(0, 0),
  sized(quote),
  compact(2),
  event(0, 10, new Uint8Array(48), 'acpi-rsdp', utf8('ACPI DATA')),
  event(3, runtime, new Uint8Array(0), 'app-id', payload),
  rest,
);

describe('dstack’s attestation of a TDX guest', () => {
  test('is its quote, and its events of RTMR3 are held against it', async () => {
    for (const evidence of [
      attestation,
      utf8(toHex(attestation)),
      utf8(JSON.stringify({ attestation: toHex(attestation) })),
    ]) {
      const result = await verifyEvidence({
        evidence,
        endorsements: platform.collateral,
        anchors: [anchor],
        at,
      });
      assert.deepEqual(failures(result), []);
      assert.equal(checkOf(result, 'quote/event-log').detail, '1 events make RTMR3');
    }
  });

  test('stands in certificates, as the quote alone does, for the key and the purpose', async () => {
    const server = await createAuthority('a guest');
    const bound = await crypto.subtle.digest('SHA-512', concatBytes(utf8('ratls-cert:'), server.publicKey));
    const own = await platform.trustDomain().quote(new Uint8Array(bound));
    const octets = (content: Uint8Array): Uint8Array => derElement(tags.octetString, content);
    for (const [oid, value] of [
      ['1.3.6.1.4.1.62397.1.1', octets(own)],
      ['1.3.6.1.4.1.62397.1.8', octets(concatBytes(Uint8Array.of(0, 0), sized(own), compact(0), rest))],
    ] as const) {
      const validity = { notBefore: from, notAfter: at };
      const result = await verifyEvidence({
        evidence: await certify(server, server, validity, [{ oid, value }]),
        endorsements: platform.collateral,
        anchors: [anchor],
        at,
      });
      assert.deepEqual(failures(result), []);
      assert.match(checkOf(result, 'quote/certificate-key').detail, /SHA-512 of the key/);
    }
  });

  test('that is cut off or goes on is refused', () => {
    for (let length = 3; length < attestation.length; length += 17)
      assert.throws(() => readDstackTdx(attestation.subarray(0, length)), { code: 'evidence/malformed' });
    assert.throws(() => readDstackTdx(concatBytes(attestation, Uint8Array.of(0))), /data behind/);
  });

  test('is none of a quote whose version is 0, nor of anything else', () => {
    for (const bytes of [[], [0], [0, 0], [0, 0, 2, 0], [0, 1, 0x49], [0, 3, 0x81, 0x12]])
      assert.equal(readDstackTdx(Uint8Array.from(bytes)), undefined);
  });
});

describe('dstack’s attestation of a Nitro Enclave', () => {
  test('is its document', async () => {
    const document = new Uint8Array(100).fill(0x84);
    document.set(new TextEncoder().encode('module_id'), 50);
    const whole = concatBytes(Uint8Array.of(0, 2), sized(document), rest);
    assert.deepEqual(readDstackNitro(whole), document);
    assert.equal(readDstackNitro(attestation), undefined);
    const { format, checks } = await verifyEvidence({
      evidence: whole,
      endorsements: [],
      anchors: [anchor],
      at,
    });
    assert.equal(format, 'nitro');
    assert.equal(checks.find(({ status }) => status === 'fail')?.id, 'nitro/envelope');
  });
});
