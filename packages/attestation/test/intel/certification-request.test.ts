// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
  derBitString,
  derExplicit,
  derInteger,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derUtf8String,
} from '../../src/der/index.ts';
import { readPem, writePem } from '../../src/pem.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { ecAuthority, type Authority } from '../support/fake-amd.ts';
import { assertOnly, checkOf, failures } from '../support/verifying.ts';
import { at, fakePlatform } from './fake-intel.ts';

const { platform, anchor } = await fakePlatform();
const [chain, rootList, pckList, tcbInfo, , enclaveIdentity] = platform.collateral as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const key = await ecAuthority('keep', 'P-256');
const reportData = Buffer.concat([
  Buffer.from(await crypto.subtle.digest('SHA-256', key.publicKey)),
  Buffer.alloc(32),
]);

interface Parts {
  readonly signer?: Authority;
  readonly reportData?: Uint8Array;
  readonly extension?: string;
  /** Of the three things in it; the first releases had the quote alone, then the lists. */
  readonly without?: 'tcb' | 'lists';
}

/** As the first Enarx made them: quote, lists with their addresses, signers of the TCB info, TCB info. */
async function request(parts: Parts = {}): Promise<Uint8Array> {
  const { signer = key, extension = '1.3.6.1.4.1.58270.1.2' } = parts;
  const quote = await platform.enclave().quote(parts.reportData ?? reportData);
  const lists = [rootList, pckList].map((list) => derSequence(derUtf8String('https://…'), list));
  const signers = readPem(Buffer.from(chain).toString()).map(({ content }) => content);
  const tcb = derSequence(derSequence(...signers), derOctetString(tcbInfo));
  const value =
    parts.without === 'lists'
      ? quote
      : derSequence(
          derOctetString(quote),
          derSequence(derSequence(...lists)),
          ...(parts.without === 'tcb' ? [] : [tcb]),
        );
  const extensions = derSequence(derSequence(derOid(extension), derOctetString(value)));
  const attribute = derSequence(derOid('1.2.840.113549.1.9.14'), derSet(extensions));
  const body = derSequence(derInteger(0), derSequence(), key.publicKey, derExplicit(0, attribute));
  return derSequence(body, signer.signer.algorithm, derBitString(await signer.signer.sign(body)));
}

const verify = (evidence: Uint8Array): ReturnType<typeof verifyEvidence> =>
  verifyEvidence({ evidence, endorsements: [enclaveIdentity], anchors: [anchor], at });

describe('a quote of SGX in a certification request of the first Enarx', () => {
  test('is verified with the collateral in it, and is for its key; in PEM, too', async () => {
    const der = await request();
    for (const form of [der, Buffer.from(writePem('CERTIFICATE REQUEST', der))]) {
      const result = await verify(form);
      assert.equal(result.format, 'sgx');
      assert.deepEqual(failures(result), []);
      assert.match(checkOf(result, 'quote/certificate-key').detail, /SHA-256 of the key/);
    }
  });

  test('is verified without collateral in it, too, as of the first releases', async () => {
    for (const without of ['tcb', 'lists'] as const) {
      const evidence = await request({ without });
      assert.deepEqual(failures(await verify(evidence)), ['quote/endorsements-complete']);
      const { collateral } = platform;
      const result = await verifyEvidence({ evidence, endorsements: collateral, anchors: [anchor], at });
      assert.deepEqual(failures(result), []);
    }
  });

  test('for another key is refused, and so is one that the key did not sign', async () => {
    await assertOnly(
      'quote/certificate-key',
      /for another key/,
      verify(await request({ reportData: new Uint8Array(64) })),
    );
    const other = await ecAuthority('other', 'P-256');
    await assertOnly(
      'quote/certificate-key',
      /not signed by the key/,
      verify(await request({ signer: other })),
    );
  });

  test('with other evidence, or broken, is none', async () => {
    await assert.rejects(verify(await request({ extension: '1.3.6.1.4.1.58270.1.9' })), {
      code: 'evidence/unrecognised',
      found: /58270\.1\.9/,
    });
    await assert.rejects(verify((await request()).subarray(0, -1)), { code: 'der/malformed' });
  });
});
