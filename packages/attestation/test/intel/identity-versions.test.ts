// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { collectCollateral } from '../../src/bundle/index.ts';
import { signDocument, type JsonDocument } from '../../../simulator/src/intel/index.ts';
import { assertOnly, checkOf, failures } from '../support/verifying.ts';
import { keys, sgxClaims, verifyFake, withLevels, withMembers, type Fake } from './fake-intel.ts';

const utf8 = new TextEncoder();

/** What Intel’s service gave until 2019: no id, no evaluation number, one SVN instead of levels. */
async function firstVersion(
  members: JsonDocument = {},
  name: 'qeIdentity' | 'enclaveIdentity' = 'qeIdentity',
) {
  const content = {
    version: 1,
    issueDate: '2026-05-20T00:00:00Z',
    nextUpdate: '2026-06-19T00:00:00Z',
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: '51'.repeat(32),
    isvprodid: 1,
    isvsvn: 8,
    ...members,
  };
  return signDocument(name, content, keys.signer.key);
}

/** A quote with that identity instead of those of version 2. */
const withIdentity = (identity: Uint8Array, fake: Fake = {}): Fake => ({
  tee: 'sgx',
  collateral: (files) => [...files.slice(0, 5), identity],
  ...fake,
});

describe('an enclave identity of version 1', () => {
  test('is that of the QE of SGX, up to date from its SVN on', async () => {
    for (const name of ['qeIdentity', 'enclaveIdentity'] as const) {
      const result = await verifyFake(withIdentity(await firstVersion({}, name)));
      assert.deepEqual(failures(result), []);
      assert.equal(sgxClaims(result).tcb?.enclave, 'UpToDate');
      assert.match(checkOf(result, 'quote/qe-identity').detail, /^QE, version 1/);
    }
    const higher = await verifyFake(withIdentity(await firstVersion({ isvsvn: 9 })));
    assert.deepEqual(failures(higher), []);
    assert.equal(sgxClaims(higher).tcb?.enclave, 'OutOfDate');
    assert.equal(sgxClaims(higher).tcb?.status, 'OutOfDate');
    const lowest = await verifyFake(withIdentity(await firstVersion({ isvsvn: 0 })));
    assert.equal(sgxClaims(lowest).tcb?.enclave, 'UpToDate');
  });

  test('has no evaluation number, which a policy’s minimum refuses, and is as of its issue', async () => {
    const { collateral, tcb } = sgxClaims(await verifyFake(withIdentity(await firstVersion())));
    assert.equal(collateral?.evaluationNumber, 0);
    // The platform’s level is older.
    assert.equal(tcb?.date, Date.parse('2025-01-01T00:00:00Z'));
    const newer = await verifyFake({
      ...withIdentity(await firstVersion()),
      tcbInfo: withLevels((level) => [{ ...level, tcbDate: '2026-05-30T00:00:00Z' }]),
    });
    assert.equal(sgxClaims(newer).tcb?.date, Date.parse('2026-05-20T00:00:00Z'));
  });

  test('is nothing for TDX', async () => {
    await assertOnly(
      'quote/qe-identity',
      /it is for the enclave QE, quotes of tdx come from TD_QE/,
      verifyFake(
        withIdentity(await firstVersion({ isvprodid: 2, mrsigner: '52'.repeat(32), isvsvn: 6 }), {
          tee: 'tdx',
        }),
      ),
    );
  });

  test('is held to the same as one of version 2: signature, dates and description of the enclave', async () => {
    const identity = await firstVersion();
    const spaced = utf8.encode(new TextDecoder().decode(identity).replace('"version":1', '"version": 1'));
    await assertOnly('quote/qe-identity-signature', /byte for byte/, verifyFake(withIdentity(spaced)));
    for (const dates of [{ nextUpdate: '2026-06-01T11:59:59Z' }, { issueDate: '2026-06-01T12:00:01Z' }])
      await assertOnly(
        'quote/qe-identity-dates',
        /not for 2026-06-01/,
        verifyFake(withIdentity(await firstVersion(dates))),
      );
    for (const [members, reason] of [
      [{ mrsigner: '00'.repeat(32) }, /MRSIGNER/],
      [{ isvprodid: 2 }, /ISVPRODID/],
      [{ miscselect: '01000000' }, /MISCSELECT/],
      [{ attributes: '13000000000000000000000000000000' }, /ATTRIBUTES/],
    ] as const)
      await assertOnly('quote/qe', reason, verifyFake(withIdentity(await firstVersion(members))));
  });

  test('goes into a bundle and comes out with its signature good', async () => {
    const [item] = collectCollateral([await firstVersion()]);
    assert.equal(item?.title, 'identity QE');
    assert.deepEqual(failures(await verifyFake(withIdentity(item.content))), []);
  });
});

describe('an enclave identity of version 2', () => {
  test('with two levels for one SVN counts the later one, as Intel’s library does', async () => {
    const twice = (first: string, second: string): Fake => ({
      tee: 'sgx',
      identity: withLevels((level) => [
        { ...level, tcbDate: first, tcbStatus: 'OutOfDate' },
        { ...level, tcbDate: second, tcbStatus: 'UpToDate' },
      ]),
    });
    const later = await verifyFake(twice('2024-01-01T00:00:00Z', '2025-01-01T00:00:00Z'));
    assert.equal(sgxClaims(later).tcb?.enclave, 'UpToDate');
    const earlier = await verifyFake(twice('2025-01-01T00:00:00Z', '2024-01-01T00:00:00Z'));
    assert.equal(sgxClaims(earlier).tcb?.enclave, 'OutOfDate');
    const same = await verifyFake(twice('2025-01-01T00:00:00Z', '2025-01-01T00:00:00Z'));
    assert.match(checkOf(same, 'quote/endorsements-readable').detail, /the same level twice/);
  });

  test('may stand under the name of version 1, since the signed text says which it is', async () => {
    const renamed = await verifyFake({
      tee: 'sgx',
      collateral: (files) =>
        files.map((file) =>
          file[0] === 0x7b
            ? utf8.encode(new TextDecoder().decode(file).replace('{"enclaveIdentity":', '{"qeIdentity":'))
            : file,
        ),
      identity: withMembers({}),
    });
    assert.deepEqual(failures(renamed), []);
  });
});
