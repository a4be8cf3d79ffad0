// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { anchorFromPem, awsAnchors, vendorAnchors, type NitroClaims } from '@enarx/attestation';
import { EnarxError, toHex } from '@enarx/protocol';

import { verifyEvidence } from '../../src/verify.ts';
import { nitroVector, nitroVectors, withoutNitroVectors as skip } from '../support/indexed-vectors.ts';
import { checkOf, failures } from '../support/verifying.ts';

const documents = nitroVectors.filter(({ kind }) => kind === 'nitro-attestation');
const hexOr = (value: Uint8Array | undefined): string | null => (value === undefined ? null : toHex(value));

/** Check that each kind of negative fails first, by the reason that the collection gives; none for what is no document at all. */
const checksOfReason: Readonly<Record<string, RegExp>> = {
  // A reordered bundle is a broken chain, and then there is no key for the signature.
  'cose-signature': /^nitro\/signature$|^x509\/signatures$/,
  algorithm: /^nitro\/algorithm$/,
  'cose-structure': /^nitro\/envelope$/,
  truncated: /^nitro\/envelope$/,
  'trailing-data': /^nitro\/envelope$/,
  'missing-field': /^nitro\/payload$/,
  malformed: /^nitro\/|^x509\//,
  'untrusted-root': /^x509\/anchor$/,
  chain: /^x509\/(signatures|names|authority)$/,
  'certificate-expired': /^x509\/validity$/,
  'certificate-not-yet-valid': /^x509\/validity$/,
};

suite('genuine Nitro documents', { skip }, () => {
  for (const { file, class: kind, verifyAt, expected } of documents) {
    if (kind !== undefined && kind !== 'positive-variant') continue;
    test(`${file} is verified and says what it holds`, async () => {
      const verification = await verifyEvidence({
        evidence: nitroVector(file),
        endorsements: [],
        anchors: vendorAnchors,
        at: Date.parse(verifyAt),
      });
      assert.deepEqual(failures(verification), []);
      assert.equal(verification.simulated, false);
      const claims = verification.verified?.claims as NitroClaims;
      if (kind === 'positive-variant') return;
      assert.equal(claims.moduleId, expected['moduleId']);
      assert.equal(claims.timestamp, expected['timestamp']);
      assert.equal(claims.debug, expected['debug']);
      assert.equal(hexOr(claims.publicKey), expected['publicKey']);
      assert.equal(hexOr(claims.userData), expected['userData']);
      assert.equal(hexOr(claims.nonce), expected['nonce']);
      const pcrs = Object.fromEntries(Object.entries(claims.pcrs).map(([index, pcr]) => [index, toHex(pcr)]));
      assert.deepEqual(pcrs, expected['pcrs']);
    });
  }
});

suite('Nitro documents that must be refused', { skip }, () => {
  for (const { file, class: kind, verifyAt, expected } of documents) {
    if (kind !== 'negative' && kind !== 'policy') continue;
    const reason = String(expected['reason']);
    test(`${file} at ${verifyAt} is refused: ${reason}`, async () => {
      const options = { endorsements: [], anchors: vendorAnchors, at: Date.parse(verifyAt) };
      let verification;
      try {
        verification = await verifyEvidence({ ...options, evidence: nitroVector(file) });
      } catch (error) {
        assert.ok(error instanceof EnarxError);
        assert.equal(error.code, 'evidence/unrecognised');
        assert.equal(reason, 'cose-structure');
        return;
      }
      assert.equal(verification.verified, undefined);
      const failed = failures(verification);
      assert.ok(
        failed.some((id) => checksOfReason[reason]?.test(id)),
        `${failed.join(', ')}: ${JSON.stringify(verification.checks.filter(({ status }) => status === 'fail'))}`,
      );
    });
  }
});

test('the pin is the key of the root certificate that AWS publishes', { skip }, async () => {
  const pem = nitroVector('aws-nitro-root/aws-nitro-enclaves-root-g1.pem');
  assert.deepEqual(await anchorFromPem(pem), awsAnchors[0]);
});

test('documents in hex and base64, and with the tag, are told by their content', { skip }, async () => {
  const [{ file, verifyAt }] = documents as [(typeof documents)[0]];
  const bytes = nitroVector(file);
  const forms = [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')].map((text) =>
    Buffer.from(text),
  );
  for (const evidence of [...forms, Buffer.concat([Buffer.of(0xd2), bytes])]) {
    const { verified } = await verifyEvidence({
      evidence,
      endorsements: [],
      anchors: awsAnchors,
      at: Date.parse(verifyAt),
    });
    assert.ok(verified);
  }
});

test('no flipped bit, no lost end and no added byte passes', { skip }, async () => {
  const [{ file, verifyAt }] = documents as [(typeof documents)[0]];
  const bytes = nitroVector(file);
  const options = { endorsements: [], anchors: awsAnchors, at: Date.parse(verifyAt) };
  const refused = async (evidence: Uint8Array): Promise<boolean> => {
    try {
      return (await verifyEvidence({ ...options, evidence })).verified === undefined;
    } catch (error) {
      assert.ok(error instanceof EnarxError, String(error));
      return true;
    }
  };
  const step = process.env['ENARX_LONG'] === '1' ? 1 : 41;
  for (let at = 0; at < bytes.length; at += step) {
    const flipped = Uint8Array.from(bytes);
    flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
    assert.ok(await refused(flipped), `bit ${String(at % 8)} of byte ${String(at)}`);
    assert.ok(await refused(bytes.subarray(0, at)), `cut at ${String(at)}`);
  }
  assert.ok(await refused(Buffer.concat([bytes, Buffer.of(0)])));
});

test('without an anchor nothing is verified, and another vendor’s anchor is none', { skip }, async () => {
  const [{ file, verifyAt }] = documents as [(typeof documents)[0]];
  for (const anchors of [[], vendorAnchors.filter(({ vendor }) => vendor !== 'aws')]) {
    const verification = await verifyEvidence({
      evidence: nitroVector(file),
      endorsements: [],
      anchors,
      at: Date.parse(verifyAt),
    });
    assert.deepEqual(failures(verification), ['x509/anchor']);
    assert.match(checkOf(verification, 'x509/anchor').detail, /aws\.nitro-enclaves has the key f2caf5ec/);
  }
});
