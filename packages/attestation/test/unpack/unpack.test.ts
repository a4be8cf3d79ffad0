// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { verifyAmdEvidence } from '../../src/amd/index.ts';
import { encodeBundle } from '../../src/bundle/index.ts';
import { maxEvidenceLength } from '../../src/evidence.ts';
import { verifyEvidence } from '../../src/index.ts';
import { unpack } from '../../src/unpack/unpack.ts';
import { at, fakeAmd, type FakeAmd } from '../support/fake-amd.ts';
import { failures } from '../support/verifying.ts';

const utf8 = (text: string): Buffer => Buffer.from(text);
const json = (value: unknown): Buffer => utf8(JSON.stringify(value));
const inside = utf8('what is inside');
const refused = async (bytes: Uint8Array, code: string, found: RegExp): Promise<void> => {
  await assert.rejects(unpack(bytes), { code, found });
};

describe('what services put around evidence', () => {
  test('is left alone where there is nothing of it', async () => {
    for (const bytes of [
      inside,
      utf8('AAAA'),
      json({ a: 1 }),
      json([]),
      json({ platform: 'snp' }),
      json({ body: 'AAAA' }),
      json({ format: 'x' }),
    ])
      assert.deepEqual(await unpack(bytes), { evidence: bytes, endorsements: [] });
  });

  test('is taken off: gzip, plain and in base64', async () => {
    const packed = gzipSync(inside);
    for (const bytes of [packed, utf8(packed.toString('base64')), utf8(packed.toString('hex'))])
      assert.deepEqual(Buffer.from((await unpack(bytes)).evidence), inside);
  });

  test('is taken off: base64 around JSON and PEM', async () => {
    for (const text of [json({ a: 1 }), utf8('-----BEGIN CERTIFICATE-----')])
      assert.deepEqual(Buffer.from((await unpack(utf8(text.toString('base64')))).evidence), text);
  });

  test('is taken off: the name of a TEE, unless there are several', async () => {
    for (const name of ['tdx', 'sgx', 'sevsnp']) {
      const { evidence } = await unpack(json({ [name]: { quote: 'AAAA' }, tpm: {} }));
      assert.deepEqual(Buffer.from(evidence), json({ quote: 'AAAA' }));
    }
    for (const other of [json({ tdx: {}, sgx: {} }), json({ tdx: 'AAAA' })])
      assert.equal((await unpack(other)).evidence, other);
    await refused(json({ tdx: null }), 'evidence/malformed', /evidence that is neither/);
  });

  test('is taken off: a request to an attestation service, whose report is JSON in base64', async () => {
    const report = json({ SnpReport: 'AAAA' });
    const request = json({ report: report.toString('base64url'), runtimeData: { data: 'e30' } });
    assert.deepEqual(Buffer.from((await unpack(request)).evidence), report);
    for (const other of [json({ report: 'AAAA' }), json({ report: 'ä' }), json({ report: {} })])
      assert.equal((await unpack(other)).evidence, other);
  });

  test('is taken off: the name of a platform, around JSON and around bytes', async () => {
    const { evidence } = await unpack(json({ platform: 'az-snp', evidence: { report: 'AAAA' } }));
    assert.deepEqual(Buffer.from(evidence), json({ report: 'AAAA' }));
    const bytes = await unpack(json({ platform: 'snp', evidence: inside.toString('base64') }));
    assert.deepEqual(Buffer.from(bytes.evidence), inside);
  });

  test('is taken off: a document of format and body, and the bundle around it, whose certificate comes along', async () => {
    const document = {
      format: 'https://example.org/predicate/v2',
      body: gzipSync(inside).toString('base64'),
    };
    assert.deepEqual(Buffer.from((await unpack(json(document))).evidence), inside);
    const bundle = await unpack(
      json({ domain: 'example.org', enclaveAttestationReport: document, vcek: 'AQI=' }),
    );
    assert.deepEqual(Buffer.from(bundle.evidence), inside);
    assert.deepEqual(bundle.endorsements, [Uint8Array.of(1, 2)]);
    assert.deepEqual((await unpack(json({ enclaveAttestationReport: document }))).endorsements, []);
  });

  test('is refused when it is broken', async () => {
    const packed = gzipSync(inside);
    await refused(packed.subarray(0, -1), 'evidence/malformed', /gzip that cannot be read/);
    await refused(Buffer.concat([packed, Buffer.of(7)]), 'evidence/malformed', /gzip that cannot be read/);
    await refused(Buffer.of(0x1f, 0x8b, 8), 'evidence/malformed', /gzip that cannot be read/);
    await refused(json({ platform: 'snp', evidence: 7 }), 'evidence/malformed', /evidence that is neither/);
    await refused(
      json({ platform: 'snp', evidence: null }),
      'evidence/malformed',
      /evidence that is neither/,
    );
    await refused(json({ format: 'x', body: 'ä' }), 'evidence/malformed', /body that is neither/);
    await refused(
      json({ enclaveAttestationReport: { a: 1 }, vcek: [] }),
      'evidence/malformed',
      /vcek that is neither/,
    );
  });

  test('is refused when it has no end', async () => {
    let tower: unknown = { a: 1 };
    for (let wrappers = 0; wrappers < 5; wrappers += 1) tower = { platform: 'x', evidence: tower };
    await refused(json(tower), 'evidence/malformed', /more than 4 wrappers/);
  });

  test('is refused when a little of it unfolds into more than any evidence has', async () => {
    const bomb = gzipSync(new Uint8Array(64 * maxEvidenceLength));
    assert.ok(bomb.length < maxEvidenceLength / 8);
    await refused(bomb, 'evidence/too-large', /more than 1048576 bytes out of \d+ of gzip/);
    const most = new Uint8Array(maxEvidenceLength);
    assert.equal((await unpack(gzipSync(most))).evidence.length, maxEvidenceLength);
  });
});

describe('evidence in it', () => {
  let amd: FakeAmd;
  before(async () => {
    amd = await fakeAmd('Genoa');
  });

  test('is verified as it would be alone, by both verifiers', async () => {
    const vcek = Buffer.from(await amd.vcek()).toString('base64');
    const body = gzipSync(await amd.report()).toString('base64');
    const evidence = json({ enclaveAttestationReport: { format: 'f', body }, vcek });
    const { ask, ark } = amd.certificates;
    const bundle = encodeBundle([ask, ark].map((content) => ({ kind: 'certificate', content })));
    for (const [verify, endorsements] of [
      [verifyEvidence, [ask, ark]],
      [verifyAmdEvidence, [ask, ark]],
      [verifyEvidence, [bundle]],
      [verifyAmdEvidence, [bundle]],
    ] as const) {
      const verification = await verify({ evidence, endorsements, anchors: [amd.anchor], at });
      assert.equal(verification.format, 'snp');
      assert.deepEqual(failures(verification), []);
    }
  });
});
