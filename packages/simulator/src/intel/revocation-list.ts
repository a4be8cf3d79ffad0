// SPDX-License-Identifier: Apache-2.0
import { derBitString, derExplicit, derInteger, derSequence, derTime } from '@enarx/attestation/der';
import { derExtension, derName, type ExtensionToIssue } from '@enarx/attestation/x509';

import type { Authority } from './authority.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export interface RevocationListToIssue {
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** Intel writes 1 into every list. */
  readonly number?: number;
  /** Serial numbers. */
  readonly revoked?: readonly bigint[];
  readonly extensions?: readonly ExtensionToIssue[];
}

/** A version 2 list (RFC 5280 section 5.1), DER. */
export async function issueRevocationList(
  { name, signer }: Authority,
  { thisUpdate, nextUpdate, number = 1, revoked = [], extensions = [] }: RevocationListToIssue,
): Promise<Bytes> {
  const entries = revoked.map((serial) => derSequence(derInteger(serial), derTime(thisUpdate)));
  const toBeSigned = derSequence(
    derInteger(1),
    signer.algorithm,
    derName(name),
    derTime(thisUpdate),
    derTime(nextUpdate),
    ...(entries.length === 0 ? [] : [derSequence(...entries)]),
    derExplicit(
      0,
      derSequence(...[{ oid: '2.5.29.20', value: derInteger(number) }, ...extensions].map(derExtension)),
    ),
  );
  return derSequence(toBeSigned, signer.algorithm, derBitString(await signer.sign(toBeSigned)));
}
