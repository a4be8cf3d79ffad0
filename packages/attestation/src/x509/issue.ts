// SPDX-License-Identifier: Apache-2.0
import {
  derBitString,
  derBoolean,
  derExplicit,
  derInteger,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derTime,
  derUtf8String,
} from '../der/writer.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** One attribute of a name: dotted object identifier and text. */
export type NameAttribute = readonly [oid: string, value: string];

export interface ExtensionToIssue {
  readonly oid: string;
  readonly critical?: boolean;
  /** What stands inside the OCTET STRING. */
  readonly value: Uint8Array;
}

/** What a certificate says. All times in milliseconds since 1970. */
export interface CertificateToIssue {
  readonly serial: bigint | number;
  readonly issuer: readonly NameAttribute[];
  readonly subject: readonly NameAttribute[];
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly extensions?: readonly ExtensionToIssue[];
}

/** Who signs: the AlgorithmIdentifier (DER) that goes into the certificate, and the signature over the given bytes. */
export interface Signer {
  readonly algorithm: Uint8Array;
  sign(toBeSigned: Uint8Array): Promise<Uint8Array>;
}

/** RDNSequence with one attribute in each set, as X.509 issuers write it. */
export function derName(attributes: readonly NameAttribute[]): Bytes {
  return derSequence(
    ...attributes.map(([oid, value]) => derSet(derSequence(derOid(oid), derUtf8String(value)))),
  );
}

/** An X.509 version 3 certificate (RFC 5280 section 4.1), DER. */
export async function issueCertificate(certificate: CertificateToIssue, signer: Signer): Promise<Bytes> {
  const { serial, issuer, subject, notBefore, notAfter, publicKey, extensions = [] } = certificate;
  const toBeSigned = derSequence(
    derExplicit(0, derInteger(2)),
    derInteger(serial),
    signer.algorithm,
    derName(issuer),
    derSequence(derTime(notBefore), derTime(notAfter)),
    derName(subject),
    publicKey,
    ...(extensions.length === 0 ? [] : [derExplicit(3, derSequence(...extensions.map(derExtension)))]),
  );
  return derSequence(toBeSigned, signer.algorithm, derBitString(await signer.sign(toBeSigned)));
}

export function derExtension({ oid, critical = false, value }: ExtensionToIssue): Bytes {
  return derSequence(derOid(oid), ...(critical ? [derBoolean(true)] : []), derOctetString(value));
}
