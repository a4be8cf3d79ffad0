// SPDX-License-Identifier: Apache-2.0
import { compareBytes, toHex } from '@enarx/protocol';

import { derBitString, derInteger, derNull, derOid, derSequence } from '../der/writer.ts';
import { attestationProblem } from '../problems.ts';
import { usageOf, type Algorithm } from './algorithms.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** One of AMD's two certificates above those of a platform, as read; nothing about it is proven. */
export interface CaCertificate {
  readonly encoded: Bytes;
  /** All but the signature. */
  readonly toBeSigned: Bytes;
  readonly usage: 'ARK' | 'ASK';
  /** 16 bytes each: the key's own name and its issuer's. */
  readonly keyId: Uint8Array;
  readonly issuerId: Uint8Array;
  /** SubjectPublicKeyInfo, DER: what anchors are digests of. */
  readonly publicKey: Bytes;
  readonly algorithm: Algorithm;
  /** Big-endian, as long as the modulus. */
  readonly signature: Bytes;
}

export const caHeadLength = 0x40;
/** Where the parts of a certificate stand. */
export const caCertificateOffsets = {
  keyId: 0x04,
  issuerId: 0x14,
  usage: 0x24,
  reserved: 0x28,
  exponentBits: 0x38,
  bits: 0x3c,
} as const;
export const rsaExponent = 65_537;

/** Naples signs with 2048 bits and SHA-256, every later generation with 4096 bits and SHA-384. The salt is as long as the hash. */
const algorithmsBySize: ReadonlyMap<number, Algorithm> = new Map([
  [2048, { scheme: 'RSA-PSS', hash: 'SHA-256' }],
  [4096, { scheme: 'RSA-PSS', hash: 'SHA-384' }],
]);

/**
 * Reads one certificate of 832 or 1600 bytes (SEV API specification, appendix B.1). Strict: the key has the exponent 65537
 * and as many bits as it says, and nothing follows.
 * @throws EnarxError `sev/certificate-malformed`
 */
export function readCaCertificate(bytes: Uint8Array): CaCertificate {
  if (bytes.length < caHeadLength) throw malformed(`${String(bytes.length)} bytes`, '832 or 1600 bytes');
  const encoded = Uint8Array.from(bytes);
  const view = new DataView(encoded.buffer);
  const bits = view.getUint32(caCertificateOffsets.bits, true);
  const algorithm = algorithmsBySize.get(bits);
  if (algorithm === undefined || view.getUint32(caCertificateOffsets.exponentBits, true) !== bits)
    throw malformed(`a key of ${String(bits)} bits`, '2048 or 4096 bits, and as many for the exponent');
  const size = bits / 8;
  if (encoded.length === caHeadLength + 2 * size)
    throw malformed(
      `${String(encoded.length)} bytes without a signature`,
      "the signature too: AMD once published Naples' root without it",
    );
  if (encoded.length !== caHeadLength + 3 * size)
    throw malformed(`${String(encoded.length)} bytes`, `${String(caHeadLength + 3 * size)} bytes`);
  const usage = usageOf(view.getUint32(caCertificateOffsets.usage, true));
  if (view.getUint32(0, true) !== 1 || (usage !== 'ARK' && usage !== 'ASK'))
    throw malformed(
      `the head ${toHex(encoded.subarray(0, caCertificateOffsets.reserved))}`,
      'version 1, usage ARK or ASK',
    );
  if (
    encoded
      .subarray(caCertificateOffsets.reserved, caCertificateOffsets.exponentBits)
      .some((byte) => byte !== 0)
  )
    throw malformed('reserved bytes that are not zero');
  const field = (index: number): Bytes =>
    encoded.slice(caHeadLength + index * size, caHeadLength + (index + 1) * size).reverse();
  const modulus = bigEndian(field(1));
  if (bigEndian(field(0)) !== BigInt(rsaExponent) || modulus >> BigInt(bits - 1) !== 1n)
    throw malformed('a key that is not as long as it says, or has another exponent than 65537');
  return {
    encoded,
    toBeSigned: encoded.slice(0, caHeadLength + 2 * size),
    usage,
    keyId: encoded.slice(caCertificateOffsets.keyId, caCertificateOffsets.issuerId),
    issuerId: encoded.slice(caCertificateOffsets.issuerId, caCertificateOffsets.usage),
    publicKey: rsaPublicKey(modulus),
    algorithm,
    signature: field(2),
  };
}

/** Whether a certificate begins here, by its key's size; used to tell the kinds apart in a file that holds many. */
export function caCertificateLengthAt(bytes: Uint8Array): number | undefined {
  if (bytes.length < caHeadLength) return undefined;
  const bits = new DataView(bytes.buffer, bytes.byteOffset).getUint32(caCertificateOffsets.bits, true);
  return algorithmsBySize.has(bits) ? caHeadLength + (3 * bits) / 8 : undefined;
}

/** Whether the two name the same key. */
export function sameKeyId(a: Uint8Array, b: Uint8Array): boolean {
  return compareBytes(a, b) === 0;
}

function rsaPublicKey(modulus: bigint): Bytes {
  const key = derSequence(derInteger(modulus), derInteger(rsaExponent));
  return derSequence(derSequence(derOid('1.2.840.113549.1.1.1'), derNull()), derBitString(key));
}

function bigEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`);
}

function malformed(found: string, expected?: string): Error {
  return attestationProblem('sev/certificate-malformed', {
    found,
    expected,
  });
}
