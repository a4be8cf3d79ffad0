// SPDX-License-Identifier: Apache-2.0
import { readDer, type DerElement } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readOctetsOfBitString } from '../der/values.ts';
import type { SignatureAlgorithm } from './algorithms.ts';

/** What certificates, revocation lists and certification requests have in common. */
export interface Signed {
  /** Exactly as received. */
  readonly toBeSigned: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/** The three members of what is signed, as they stand: body, AlgorithmIdentifier, signature. */
export interface SignedMembers {
  readonly body: DerElement;
  /** DER. */
  readonly algorithm: Uint8Array;
  readonly signature: Uint8Array;
}

/** SIGNED of X.509, in which RFC 5280 sections 4.1 and 5.1 and RFC 2986 section 4.2 agree. @throws EnarxError `der/malformed` */
export function readSigned(encoded: Uint8Array): SignedMembers {
  const members = readDer(encoded, tags.sequence).reader();
  const body = members.next(tags.sequence);
  const algorithm = members.next(tags.sequence).encoded;
  const signature = readOctetsOfBitString(members.next(tags.bitString));
  members.end();
  return { body, algorithm, signature };
}
