// SPDX-License-Identifier: Apache-2.0
import { derBitString, derBoolean, derInteger, derOid, derSequence } from '@enarx/attestation/der';
import {
  issueCertificate,
  type CertificateToIssue,
  type ExtensionToIssue,
  type NameAttribute,
  type Signer,
} from '@enarx/attestation/x509';

type Bytes = Uint8Array<ArrayBuffer>;

/** A P-256 key with a name, as everything in Intel's chains is. */
export interface Authority {
  readonly name: readonly NameAttribute[];
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Bytes;
  readonly signer: Signer;
  readonly key: CryptoKey;
}

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' } as const;
export const ecdsaSha256 = { name: 'ECDSA', hash: 'SHA-256' } as const;
const ecdsaWithSha256 = derSequence(derOid('1.2.840.10045.4.3.2'));

export async function createAuthority(commonName: string): Promise<Authority> {
  return authorityOf(commonName, await crypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']));
}

async function authorityOf(commonName: string, { publicKey, privateKey }: CryptoKeyPair): Promise<Authority> {
  return {
    name: intelName(commonName),
    publicKey: new Uint8Array(await crypto.subtle.exportKey('spki', publicKey)),
    signer: {
      algorithm: ecdsaWithSha256,
      sign: async (bytes) => derSignature(await signP256(privateKey, bytes)),
    },
    key: privateKey,
  };
}

/** r and s one after the other, 64 bytes. */
export async function signP256(key: CryptoKey, bytes: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign(ecdsaSha256, key, bytes as Bytes));
}

/** ECDSA signatures are a sequence of two numbers in certificates (RFC 3279 section 2.2.3). */
function derSignature(fixed: Uint8Array): Bytes {
  const number = (part: Uint8Array): Bytes =>
    derInteger(part.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n));
  return derSequence(number(fixed.subarray(0, 32)), number(fixed.subarray(32)));
}

/** Intel's, but for the organization, so that whoever looks at a certificate sees what it is. */
export function intelName(commonName: string): readonly NameAttribute[] {
  return [
    ['2.5.4.3', commonName],
    ['2.5.4.10', 'SIMULATED by Enarx'],
    ['2.5.4.7', 'Santa Clara'],
    ['2.5.4.8', 'CA'],
    ['2.5.4.6', 'US'],
  ];
}

/** What a certificate is for. */
export const uses = {
  /** keyCertSign and cRLSign (RFC 5280 section 4.2.1.3: bits 5 and 6). */
  authority: (pathLength: number): readonly ExtensionToIssue[] => [
    keyUsage(0x06, 1),
    basicConstraints(derBoolean(true), derInteger(pathLength)),
  ],
  /** digitalSignature and nonRepudiation. */
  signing: (): readonly ExtensionToIssue[] => [keyUsage(0xc0, 6), basicConstraints()],
} as const;

function keyUsage(bits: number, unusedBits: number): ExtensionToIssue {
  return { oid: '2.5.29.15', critical: true, value: derBitString(Uint8Array.of(bits), unusedBits) };
}

function basicConstraints(...members: readonly Uint8Array[]): ExtensionToIssue {
  return { oid: '2.5.29.19', critical: true, value: derSequence(...members) };
}

/** @param serial - 20 octets at random in Intel's certificates */
export function certify(
  subject: Pick<Authority, 'name' | 'publicKey'>,
  issuer: Authority,
  validity: Pick<CertificateToIssue, 'notBefore' | 'notAfter'>,
  extensions: readonly ExtensionToIssue[],
  alter: Partial<CertificateToIssue> = {},
): Promise<Bytes> {
  return issueCertificate(
    {
      serial: randomSerial(),
      issuer: issuer.name,
      subject: subject.name,
      publicKey: subject.publicKey,
      ...validity,
      extensions,
      ...alter,
    },
    issuer.signer,
  );
}

function randomSerial(): bigint {
  const bytes = crypto.getRandomValues(new Uint8Array(19));
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 1n);
}
