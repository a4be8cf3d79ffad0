// SPDX-License-Identifier: Apache-2.0
import { compareBytes } from '@enarx/protocol';

import { readDer } from '../der/reader.ts';
import { explicitTag, tags } from '../der/tags.ts';
import { readInteger, readSmallInteger, readTime } from '../der/values.ts';
import { attestationProblem } from '../problems.ts';
import { signatureAlgorithmOf, type SignatureAlgorithm } from './algorithms.ts';
import { extensionOids, readExtensions, unhandledExtensions, type Extensions } from './extensions.ts';
import { readName, type Name } from './name.ts';
import { readSigned } from './signed.ts';

/** Largest list in bytes. AMD's have under 1 KiB, Intel's under 4 KiB. */
export const maxRevocationListLength = 262_144;

/** A version 2 certificate revocation list as read (RFC 5280 section 5.1); nothing about it is proven. */
export interface RevocationList {
  readonly encoded: Uint8Array;
  readonly toBeSigned: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly issuer: Name;
  /** Milliseconds since 1970. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly number: bigint;
  /** Serial numbers. */
  readonly revoked: ReadonlySet<bigint>;
  readonly extensions: Extensions;
  /** Critical extensions, of the list or of an entry, that we cannot honour: delta lists, indirect lists, partial lists. */
  readonly unhandled: readonly string[];
}

const handled: ReadonlySet<string> = new Set([extensionOids.crlNumber, extensionOids.authorityKeyIdentifier]);

/**
 * Reads one list, strictly. `nextUpdate` and the number are required as RFC 5280 section 5 requires them of issuers.
 * @throws EnarxError `der/malformed`, `x509/malformed`, `x509/unsupported`
 */
export function readRevocationList(encoded: Uint8Array): RevocationList {
  if (encoded.length > maxRevocationListLength)
    throw malformed(`${String(encoded.length)} bytes`, `at most ${String(maxRevocationListLength)}`);
  const { body, algorithm, signature } = readSigned(encoded);
  const fields = body.reader();
  if (readSmallInteger(fields.next(tags.integer)) !== 1)
    throw malformed('a revocation list that is not of version 2');
  if (compareBytes(fields.next(tags.sequence).encoded, algorithm) !== 0)
    throw malformed('two different signature algorithms');
  const issuer = readName(fields.next(tags.sequence));
  const thisUpdate = readTime(fields.next());
  const nextUpdate = readTime(fields.next());
  const revoked = new Set<bigint>();
  const unhandled: string[] = [];
  const entries = fields.optional(tags.sequence);
  if (entries !== undefined) {
    const list = entries.reader();
    do {
      const entry = list.next(tags.sequence).reader();
      revoked.add(readInteger(entry.next(tags.integer)));
      readTime(entry.next());
      const extensions = entry.optional(tags.sequence);
      if (extensions !== undefined)
        unhandled.push(...unhandledExtensions(readExtensions(extensions), new Set()));
      entry.end();
    } while (!list.atEnd);
  }
  const extensions = readExtensions(readDer(fields.next(explicitTag(0)).content, tags.sequence));
  fields.end();
  const number = extensions.get(extensionOids.crlNumber);
  if (number === undefined) throw malformed('a revocation list without a number');
  return {
    encoded,
    toBeSigned: body.encoded,
    signatureAlgorithm: signatureAlgorithmOf(algorithm),
    signature,
    issuer,
    thisUpdate,
    nextUpdate,
    number: readInteger(readDer(number.value, tags.integer)),
    revoked,
    extensions,
    unhandled: [...unhandled, ...unhandledExtensions(extensions, handled)],
  };
}

function malformed(found: string, expected?: string): Error {
  return attestationProblem('x509/malformed', { found, expected });
}
