// SPDX-License-Identifier: Apache-2.0
import { createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

import { derBitString, derElement, derOid, derSequence } from '@enarx/attestation/der';
import { writePem } from '@enarx/attestation/pem';
import {
  commonNameOid,
  extensionOids,
  issueCertificate,
  type ExtensionToIssue,
} from '@enarx/attestation/x509';

import { keyDigest } from './public-key.ts';

/** A key and its self-signed certificate, as `node:tls` takes them. */
export interface OwnCertificate {
  /** PKCS #8, PEM. */
  readonly key: string;
  /** PEM. */
  readonly certificate: string;
  /** SHA-256 of the SubjectPublicKeyInfo, 32 bytes. */
  readonly keyDigest: Uint8Array;
}

export interface Subject {
  readonly commonName: string;
  /** Subject alternative name (RFC 5280 section 4.2.1.6), a DNS name. */
  readonly dnsName: string;
  /** RFC 5280 section 4.2.1.12: `serverAuth` for a Keep, `clientAuth` for a client. */
  readonly usage: 'serverAuth' | 'clientAuth';
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** RFC 5280 sections 4.2.1.12 and 4.2.1.6. */
const extendedKeyUsageOid = '2.5.29.37';
const subjectAltNameOid = '2.5.29.17';
/** ecdsa-with-SHA256, RFC 5758 section 3.2; no parameters. */
const ecdsaWithSha256 = derSequence(derOid('1.2.840.10045.4.3.2'));
const usageOids = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' } as const;
/** [2] IMPLICIT IA5String of GeneralName. */
const dnsNameTag = 0x82;

/**
 * Makes a P-256 key, unless one is given, and signs a certificate for it with it. Nobody has to believe what the certificate says: the key is what evidence or
 * ownership binds.
 */
export async function makeCertificate(
  subject: Subject,
  privateKey: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
): Promise<OwnCertificate> {
  const publicKey = createPublicKey(privateKey);
  const name = [[commonNameOid, subject.commonName]] as const;
  const der = await issueCertificate(
    {
      serial: randomSerial(),
      issuer: name,
      subject: name,
      notBefore: subject.notBefore,
      notAfter: subject.notAfter,
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
      extensions: extensionsOf(subject),
    },
    {
      algorithm: ecdsaWithSha256,
      sign: (bytes) => Promise.resolve(sign('sha256', bytes, privateKey)),
    },
  );
  return ownCertificate(privateKey, publicKey, writePem('CERTIFICATE', der));
}

export function ownCertificate(
  privateKey: KeyObject,
  publicKey: KeyObject,
  certificate: string,
): OwnCertificate {
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    certificate,
    keyDigest: keyDigest(publicKey) as Uint8Array,
  };
}

function extensionsOf({ dnsName, usage }: Subject): ExtensionToIssue[] {
  return [
    { oid: extensionOids.basicConstraints, critical: true, value: derSequence() },
    // Bit 0, digitalSignature (RFC 5280 section 4.2.1.3): all that TLS 1.3 does with a certificate's key.
    { oid: extensionOids.keyUsage, critical: true, value: derBitString(Uint8Array.of(0x80), 7) },
    { oid: extendedKeyUsageOid, value: derSequence(derOid(usageOids[usage])) },
    { oid: subjectAltNameOid, value: derSequence(derElement(dnsNameTag, Buffer.from(dnsName, 'ascii'))) },
  ];
}

/** 126 random bits: positive, and within the 20 octets of RFC 5280 section 4.1.2.2. */
function randomSerial(): bigint {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40;
  return BigInt(`0x${bytes.toString('hex')}`);
}
