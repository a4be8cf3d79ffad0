// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { readRevocationList, type RevocationList } from '../../src/x509/index.ts';
import { listThatCounts } from '../../src/x509/revocation.ts';
import { at, ecAuthority, issueList, type Authority, type ListToIssue } from '../support/fake-amd.ts';

let root: Authority;
before(async () => {
  root = await ecAuthority('root', 'P-256');
});

const day = 86_400_000;
const listOf = async (list: ListToIssue): Promise<RevocationList> =>
  readRevocationList(await issueList(root, list));

describe('of several lists of an issuer that one counts', () => {
  /** The same in every order in which they may be given. */
  const assertCounts = (expected: RevocationList, others: readonly RevocationList[]): void => {
    const lists = [expected, ...others];
    for (let turn = 0; turn < lists.length; turn += 1) {
      const turned = [...lists.slice(turn), ...lists.slice(0, turn)];
      for (const given of [turned, turned.toReversed()])
        assert.equal(listThatCounts(given, expected.issuer.encoded, at), expected);
    }
  };

  test('which has the highest number, when all are within their dates', async () => {
    const [first, second, third] = await Promise.all([
      listOf({ number: 1, thisUpdate: at - day }),
      listOf({ number: 2, thisUpdate: at - 2 * day }),
      listOf({ number: 3, thisUpdate: at - 3 * day }),
    ]);
    assertCounts(third, [first, second]);
  });

  test('which is the latest, when all have one number', async () => {
    const [first, second, third] = (await Promise.all(
      [3, 2, 1].map((days) => listOf({ thisUpdate: at - days * day })),
    )) as [RevocationList, RevocationList, RevocationList];
    assertCounts(third, [first, second]);
  });

  test('which is within its dates, though a newer one is to come or an older one is over', async () => {
    const [over, now, toCome] = await Promise.all([
      listOf({ number: 1, thisUpdate: at - 9 * day, nextUpdate: at - day }),
      listOf({ number: 2 }),
      listOf({ number: 3, thisUpdate: at + day }),
    ]);
    assertCounts(now, [over, toCome]);
    assertCounts(toCome, [over]);
  });

  test('none of which is another issuer’s', async () => {
    const list = await listOf({});
    const other = await ecAuthority('another root', 'P-256');
    const { issuer } = readRevocationList(await issueList(other));
    assert.equal(listThatCounts([list], issuer.encoded, at), undefined);
  });
});
