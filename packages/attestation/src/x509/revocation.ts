// SPDX-License-Identifier: Apache-2.0
import { compareBytes } from '@enarx/protocol';

import type { Anchor } from '../anchors.ts';
import { formatTime } from '../calendar.ts';
import { notApplicable, outcomeOf, type Outcome } from '../checks.ts';
import { titleOf, type Certificate } from './certificate.ts';
import type { RevocationList } from './crl.ts';
import type { KeyCache } from './key-cache.ts';
import { verifySignatureOnce } from './signature.ts';

/** What is known of the revocation of a chain. */
export interface Revocation {
  /**
   * - `good`: a list that the root signed, fresh at the time of verification, names no certificate of the chain.
   * - `bad`: there is a list of this root, and one of its checks failed; such evidence is never verified.
   * - `none`: no list of this root was given.
   */
  readonly status: 'good' | 'bad' | 'none';
  /** Of the list that counts. */
  readonly crlNumber: bigint | undefined;
  /** Milliseconds since 1970, of the list that counts. */
  readonly thisUpdate: number | undefined;
  readonly nextUpdate: number | undefined;
}

/** What is needed to tell whether a certificate of a chain was revoked. */
export interface RevocationToCheck {
  /** The certificate to be trusted first, each followed by its issuer, the root last. At least two. */
  readonly chain: readonly [Certificate, Certificate, ...Certificate[]];
  /** Lists of any issuer; those of the chain's root count. */
  readonly revocationLists: readonly RevocationList[];
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Why a certificate is known to be revoked even without a list. */
  readonly knownRevoked: (certificate: Certificate, anchor: Anchor | undefined) => string | undefined;
}

export const noList: Revocation = {
  status: 'none',
  crlNumber: undefined,
  thisUpdate: undefined,
  nextUpdate: undefined,
};

/**
 * The list of an issuer that counts at a time: of those within their dates the newest. Where none is, the newest of all, which its
 * dates then fail. Who keeps lists of several months may so verify for any of them; what any of them revokes is revoked.
 */
export function listThatCounts(
  revocationLists: readonly RevocationList[],
  issuer: Uint8Array,
  at: number,
): RevocationList | undefined {
  const lists = revocationLists
    .filter((list) => compareBytes(list.issuer.encoded, issuer) === 0)
    // Intel's lists all have the same number: there the date tells which is newer.
    .toSorted((a, b) => Number(b.number - a.number) || b.thisUpdate - a.thisUpdate);
  return lists.find((list) => isWithinDates(list, at)) ?? lists[0];
}

const isWithinDates = ({ thisUpdate, nextUpdate }: RevocationList, at: number): boolean =>
  thisUpdate <= at && at <= nextUpdate;

/** @param rootKey - once the root's own signature is good */
export async function checkRevocation(
  { chain, revocationLists, at, knownRevoked }: RevocationToCheck,
  rootKey: CryptoKey | undefined,
  anchor: Anchor | undefined,
  keys: KeyCache | undefined,
): Promise<{ list: Outcome; notRevoked: Outcome; revocation: Revocation }> {
  const root = chain[chain.length - 1] as Certificate;
  const lists = revocationLists.filter(
    ({ issuer }) => compareBytes(issuer.encoded, root.subject.encoded) === 0,
  );
  const failures: string[] = [];
  const revoked = new Set<bigint>();
  for (const list of lists) {
    const title = `list ${String(list.number)} of ${titleOf(root)}`;
    if (
      rootKey === undefined ||
      list.signatureAlgorithm.key !== root.keyKind ||
      !(await verifySignatureOnce(list, rootKey, root.publicKey, keys))
    )
      failures.push(`the signature of ${title} is wrong`);
    else for (const serial of list.revoked) revoked.add(serial);
    if (list.unhandled.length > 0)
      failures.push(`${title} has the critical extension ${list.unhandled.join(', ')}, which we do not know`);
  }
  const counting = listThatCounts(lists, root.subject.encoded, at);
  if (counting !== undefined) {
    if (root.keyUsage?.crlSign !== true)
      failures.push(`the key of ${titleOf(root)} is not for signing lists`);
    // An outdated list may lack exactly the entry that matters: it is worth no more than none, and says so.
    if (!isWithinDates(counting, at))
      failures.push(
        `list ${String(counting.number)} of ${titleOf(root)} is for ${formatTime(counting.thisUpdate)} to ${formatTime(counting.nextUpdate)}, not for ${formatTime(at)}; fetch the current list`,
      );
  }
  const gone = chain
    .filter(
      ({ serial, issuer }) => revoked.has(serial) && compareBytes(issuer.encoded, root.subject.encoded) === 0,
    )
    .map(
      (certificate) =>
        `${titleOf(certificate)}, serial 0x${certificate.serial.toString(16)}, is on the list of ${titleOf(root)}`,
    );
  const known = chain
    .map((certificate) => knownRevoked(certificate, anchor))
    .filter((reason) => reason !== undefined);
  const list =
    counting === undefined
      ? notApplicable(`no list of ${titleOf(root)} was given`)
      : outcomeOf(
          failures,
          `list ${String(counting.number)} of ${titleOf(root)}, until ${formatTime(counting.nextUpdate)}`,
        );
  const notRevoked = outcomeOf(
    [...gone, ...known],
    counting === undefined
      ? 'not on the list that comes with this release; no other was given'
      : 'on no list',
  );
  const good = list.status === 'pass' && notRevoked.status === 'pass';
  return {
    list,
    notRevoked,
    revocation:
      counting === undefined
        ? noList
        : {
            status: good ? 'good' : 'bad',
            crlNumber: counting.number,
            thisUpdate: counting.thisUpdate,
            nextUpdate: counting.nextUpdate,
          },
  };
}
