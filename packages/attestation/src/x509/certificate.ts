// SPDX-License-Identifier: Apache-2.0
import { compareBytes } from '@enarx/protocol';

import { readDer } from '../der/reader.ts';
import { explicitTag, tags } from '../der/tags.ts';
import { readInteger, readSmallInteger, readTime } from '../der/values.ts';
import { attestationProblem } from '../problems.ts';
import { keyKindOf, signatureAlgorithmOf, type KeyKind, type SignatureAlgorithm } from './algorithms.ts';
import {
  extensionOids,
  readBasicConstraints,
  readExtensions,
  readKeyUsage,
  type BasicConstraints,
  type Extensions,
  type KeyUsage,
} from './extensions.ts';
import { readName, type Name } from './name.ts';
import { readSigned } from './signed.ts';

/** Largest certificate in bytes. Vendors' have under 2 KiB. */
export const maxCertificateLength = 16_384;

/** An X.509 version 3 certificate as read; nothing about it is proven. Byte arrays are views of `encoded`. */
export interface Certificate {
  readonly encoded: Uint8Array;
  /** What the signature covers, exactly as received. */
  readonly toBeSigned: Uint8Array;
  readonly serial: bigint;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly issuer: Name;
  readonly subject: Name;
  /** Milliseconds since 1970; both ends are within (RFC 5280 section 4.1.2.5). */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly keyKind: KeyKind;
  readonly extensions: Extensions;
  readonly basicConstraints: BasicConstraints | undefined;
  readonly keyUsage: KeyUsage | undefined;
}

/**
 * Reads one certificate, strictly (RFC 5280 section 4.1). Serial 0 is let pass although RFC 5280 forbids it: every AMD
 * endorsement key has it.
 * @throws EnarxError `der/malformed`, `x509/malformed`, `x509/unsupported`
 */
export function readCertificate(encoded: Uint8Array): Certificate {
  if (encoded.length > maxCertificateLength)
    throw malformed(`${String(encoded.length)} bytes`, `at most ${String(maxCertificateLength)}`);
  const { body, algorithm, signature } = readSigned(encoded);
  const fields = body.reader();
  const version = fields.optional(explicitTag(0));
  if (version === undefined || readSmallInteger(readDer(version.content, tags.integer)) !== 2)
    throw malformed('a certificate that is not of version 3');
  const serial = readInteger(fields.next(tags.integer));
  if (serial < 0n || serial >= 1n << 160n)
    throw malformed('a serial number that is negative or over 20 octets');
  // What is signed names its algorithm; the unsigned copy outside must say the same (RFC 5280 section 4.1.1.2).
  if (compareBytes(fields.next(tags.sequence).encoded, algorithm) !== 0)
    throw malformed('two different signature algorithms');
  const issuer = readName(fields.next(tags.sequence));
  const validity = fields.next(tags.sequence).reader();
  const notBefore = readTime(validity.next());
  const notAfter = readTime(validity.next());
  validity.end();
  const subject = readName(fields.next(tags.sequence));
  const publicKey = fields.next(tags.sequence).encoded;
  const extensionsElement = fields.optional(explicitTag(3));
  fields.end();
  const extensions: Extensions =
    extensionsElement === undefined
      ? new Map()
      : readExtensions(readDer(extensionsElement.content, tags.sequence));
  const basicConstraints = extensions.get(extensionOids.basicConstraints);
  const keyUsage = extensions.get(extensionOids.keyUsage);
  return {
    encoded,
    toBeSigned: body.encoded,
    serial,
    signatureAlgorithm: signatureAlgorithmOf(algorithm),
    signature,
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKey,
    keyKind: keyKindOf(publicKey),
    extensions,
    basicConstraints: basicConstraints && readBasicConstraints(basicConstraints.value),
    keyUsage: keyUsage && readKeyUsage(keyUsage.value),
  };
}

/** How a certificate is called in findings. */
export const titleOf = ({ subject }: Certificate): string =>
  subject.commonName || 'a certificate without a name';

function malformed(found: string, expected?: string): Error {
  return attestationProblem('x509/malformed', { found, expected });
}
