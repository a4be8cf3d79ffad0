// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { encodeCbor } from '@enarx/protocol';

import { encodeBundle } from '../src/bundle/index.ts';
import { es384 } from '../src/cose/algorithms.ts';
import { signSign1 } from '../src/cose/sign1.ts';
import { writePem } from '../src/pem.ts';
import { verifyEvidence } from '../src/verify.ts';
import { at, certify, ecAuthority } from './support/fake-amd.ts';
import { ratsVector, withoutRatsVectors } from './support/indexed-vectors.ts';
import { vector, withoutVectors } from './support/vectors.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const refused = async (evidence: Uint8Array, found: RegExp, expected: RegExp, code = 'unrecognised') => {
  const options = { endorsements: [], anchors: [], at };
  await assert.rejects(verifyEvidence({ evidence, ...options }), {
    code: `evidence/${code}`,
    found,
    expected,
  });
};
const collateral = /evidence; this is collateral, which endorses it/;

describe('what people give in the place of evidence is called by its name:', () => {
  test('tokens of attestation services', { skip: withoutRatsVectors }, async () => {
    for (const file of [
      'Azure-Samples+microsoft-azure-attestation/attestation-result-0.jwt',
      'intel+trustauthority-client-for-go/attestation-result-1.jwt',
      'veraison+ear/ear_test.go.0.jwt',
    ])
      await refused(ratsVector(file), /^a token \(JWT\)$/, /the evidence itself/);
    await refused(
      ratsVector('veraison+rust-ccatoken/testdata/cca-token-01.cbor'),
      /Arm CCA/,
      /AMD, Intel or AWS/,
    );
    await refused(Uint8Array.of(0xd8, 0x3d, 0xd2, 0x84), /CWT/, /the evidence itself/);
  });

  test('a quote of a TPM', async () => {
    await refused(
      Uint8Array.of(0xff, 0x54, 0x43, 0x47, 0x80, 0x18, 0, 0),
      /a quote of a TPM alone/,
      /hcl_report/,
    );
  });

  test('signed messages of others', { skip: withoutVectors }, async () => {
    const other = /COSE_Sign1\) that is no document of AWS Nitro/;
    const file = 'microsoft+confidential-sidecar-containers/pkg/attest/test_data/body.uvm_reference_info.bin';
    await refused(vector(file), other, /module_id/);
    const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, [
      'sign',
      'verify',
    ]);
    const signed = await signSign1(encodeCbor({ timestump: 1 }), es384, privateKey);
    await refused(signed, other, /module_id/);
    await refused(signed.subarray(1), other, /module_id/);
  });

  test('a document of AWS that is damaged is told what is wrong with it', async () => {
    for (const name of ['module_id', 'cabundle', 'user_data'])
      assert.equal(
        (
          await verifyEvidence({
            evidence: encodeCbor([
              new Uint8Array(0),
              new Map(),
              encodeCbor({ [name]: 1 }),
              new Uint8Array(96),
            ]),
            endorsements: [],
            anchors: [],
            at,
          })
        ).format,
        'nitro',
      );
  });

  test('collateral: bundles, host certificates, documents of Intel’s', async () => {
    const bundle = encodeBundle([{ kind: 'certificate', content: Uint8Array.of(1) }]);
    await refused(bundle, /^a bundle of collateral$/, collateral);
    for (const member of ['vcekCert', 'tcbInfo', 'enclaveIdentity', 'tcb_info', 'qe_identity'])
      await refused(utf8(JSON.stringify({ [member]: '' })), /JSON with the members/, collateral);
    await refused(utf8('{"other":""}'), /JSON with the members other/, /attestation_report, quote/);
  });

  test('PEM of other things', async () => {
    for (const [text, found] of [
      [
        writePem('PUBLIC KEY', Uint8Array.of(1)) + writePem('CERTIFICATE', Uint8Array.of(1)),
        /^PEM of PUBLIC KEY, CERTIFICATE$/,
      ],
      ['from -----BEGIN to end', /^PEM of nothing$/],
    ] as const)
      await assert.rejects(verifyEvidence({ evidence: utf8(text), endorsements: [], anchors: [], at }), {
        code: 'evidence/unrecognised',
        found,
        expected: undefined,
      });
  });

  test('an empty list of certificates', async () => {
    await assert.rejects(
      verifyEvidence({ evidence: Uint8Array.of(0x30, 0), endorsements: [], anchors: [], at }),
      { code: 'der/malformed' },
    );
  });

  test('a list in JSON that is no wrapper of RATS', async () => {
    for (const list of ['[{"quote":"AAAA"}]', '["00","11"]', '[]', '["a\\/b"'])
      await assert.rejects(
        verifyEvidence({ evidence: utf8(list), endorsements: [], anchors: [], at }),
        list.endsWith(']')
          ? { code: 'evidence/malformed', found: /a list of \d in JSON/ }
          : { code: 'cmw/malformed' },
      );
  });

  test('a certificate of a gateway with the document of an enclave among its names', async () => {
    const gateway = await ecAuthority(`x${Buffer.from('module_id').toString('hex')}`, 'P-256');
    const certificate = await certify(gateway, gateway);
    for (const evidence of [certificate, utf8(writePem('CERTIFICATE', certificate))])
      await refused(evidence, /a certificate of/, /the document of AWS Nitro Enclaves itself/);
    // Real ones are too large, or signed in a way that no vendor signs, to be read as endorsements.
    const unread = writePem('CERTIFICATE', utf8(Buffer.from('module_id').toString('hex')));
    await refused(utf8(unread), /^PEM of CERTIFICATE$/, /the document of AWS Nitro Enclaves itself/);
  });
});
