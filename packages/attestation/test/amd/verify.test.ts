// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { verifyAmdEvidence } from '@enarx/attestation/amd';

import { amdFormatOf } from '../../src/amd/verify.ts';
import type { Verification, VerifyOptions } from '../../src/verification.ts';
import { verifyEvidence } from '../../src/verify.ts';
import { good } from '../sev/made-platform.ts';
import { at, fakeAmd } from '../support/fake-amd.ts';

const same = async (options: VerifyOptions): Promise<Verification> => {
  const alone = await verifyAmdEvidence(options);
  assert.deepEqual(alone, await verifyEvidence(options));
  return alone;
};

test('the verifier of AMD alone says the same of a report as the verifier of all, good or bad', async () => {
  const amd = await fakeAmd();
  const evidence = await amd.report();
  const endorsements = [await amd.vcek(), amd.certificates.ask, amd.certificates.ark];
  const options = { evidence, endorsements, anchors: [amd.anchor], at };
  assert.ok((await same(options)).verified);
  assert.equal((await same({ ...options, anchors: [] })).verified, undefined);
});

test('the verifier of AMD alone is not misled by whoever changes the bytes while it works', async () => {
  const amd = await fakeAmd();
  const evidence = await amd.report();
  const endorsements = [await amd.vcek(), amd.certificates.ask, amd.certificates.ark];
  const begun = verifyAmdEvidence({ evidence, endorsements, anchors: [amd.anchor], at });
  evidence.fill(0);
  endorsements.splice(0);
  assert.ok((await begun).verified);
});

test('certificates of a platform are told from a report, in binary and in base64', async () => {
  for (const [bytes, format] of [
    [good.pdh, 'sev'],
    [await (await fakeAmd()).report(), 'snp'],
  ] as const)
    for (const form of [bytes, new TextEncoder().encode(Buffer.from(bytes).toString('base64'))])
      assert.equal(amdFormatOf(form), format);
});
