// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { awsAnchors, vendorAnchors } from '@enarx/attestation';
import { EnarxError } from '@enarx/protocol';

import { verifyEvidence } from '../../src/verify.ts';
import { judgeNitro } from '../corpus/nitro-judge.ts';
import { nitroVector, nitroVectors, withoutNitroVectors as skip } from '../support/indexed-vectors.ts';
import { checkOf, failures } from '../support/verifying.ts';

const documents = nitroVectors.filter(({ kind }) => kind === 'nitro-attestation');

suite('the corpus of Nitro', { skip }, () => {
  const read = (file: string): Promise<Uint8Array> => Promise.resolve(new Uint8Array(nitroVector(file)));

  for (const entry of nitroVectors) {
    const { file, verifyAt, expected } = entry;
    test(`${[file, verifyAt].join(' ')} gives what its index says: ${(expected['reason'] ?? 'valid') as string}`, async () => {
      assert.deepEqual(await judgeNitro(entry, read), []);
    });
  }

  test('is judged: whoever says otherwise of a file is told so', async () => {
    for (const sort of [undefined, 'negative', 'policy', 'positive-variant']) {
      const entry = documents.find((one) => one.class === sort);
      assert.ok(entry);
      const valid = sort === undefined || sort === 'positive-variant';
      const wrong = { ...entry, class: valid ? 'negative' : 'positive-variant' };
      assert.notDeepEqual(await judgeNitro(wrong, read), [], String(sort));
    }
    const [genuine] = documents as [(typeof documents)[0]];
    assert.notDeepEqual(
      await judgeNitro({ ...genuine, expected: { ...genuine.expected, pcrs: {} } }, read),
      [],
    );
    assert.deepEqual(await judgeNitro({ ...genuine, kind: 'other' }, read), ['unknown kind other']);
  });

  test('has plenty of both', () => {
    const valid = documents.filter(({ expected }) => expected['valid'] === true).length;
    assert.ok(valid >= 31, String(valid));
    assert.ok(documents.length - valid >= 39, String(documents.length - valid));
  });
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

test('the root of one partition vouches for no document of another', { skip }, async () => {
  const [{ file, verifyAt }] = documents as [(typeof documents)[0]];
  const verify = (name: string): ReturnType<typeof verifyEvidence> =>
    verifyEvidence({
      evidence: nitroVector(file),
      endorsements: [],
      anchors: awsAnchors.filter((anchor) => anchor.name === name),
      at: Date.parse(verifyAt),
    });
  assert.deepEqual(failures(await verify('aws-us-gov.nitro-enclaves')), ['x509/anchor']);
  assert.deepEqual(failures(await verify('aws.nitro-enclaves')), []);
});
