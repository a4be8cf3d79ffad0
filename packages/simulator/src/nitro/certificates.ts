// SPDX-License-Identifier: Apache-2.0
import { derBitString, derBoolean, derInteger, derOid, derSequence } from '@enarx/attestation/der';
import {
  issueCertificate,
  type ExtensionToIssue,
  type NameAttribute,
  type Signer,
} from '@enarx/attestation/x509';

type Bytes = Uint8Array<ArrayBuffer>;

const ecdsaWithSha384 = derSequence(derOid('1.2.840.10045.4.3.3'));
const oids = {
  country: '2.5.4.6',
  organization: '2.5.4.10',
  commonName: '2.5.4.3',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
} as const;

export function nitroName(commonName: string): readonly NameAttribute[] {
  return [
    [oids.country, 'US'],
    [oids.organization, 'SIMULATED by Enarx'],
    [oids.commonName, commonName],
  ];
}

export const ecdsaParameters = { name: 'ECDSA', namedCurve: 'P-384' } as const;

export function generateKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ecdsaParameters, true, ['sign', 'verify']);
}

/** Who signs certificates: a name and a key. */
export interface Issuer {
  readonly commonName: string;
  readonly key: CryptoKey;
}

export interface NitroCertificate {
  readonly serial: number;
  readonly commonName: string;
  readonly publicKey: CryptoKey;
  /** Authorities that may stand below it; `undefined` for the certificate of a document. */
  readonly authoritiesBelow?: number | 'any';
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A certificate with the extensions that AWS's have at this place. */
export async function issueNitroCertificate(certificate: NitroCertificate, issuer: Issuer): Promise<Bytes> {
  const { serial, commonName, publicKey, authoritiesBelow: below, notBefore, notAfter } = certificate;
  return issueCertificate(
    {
      serial,
      issuer: nitroName(issuer.commonName),
      subject: nitroName(commonName),
      notBefore,
      notAfter,
      publicKey: new Uint8Array(await crypto.subtle.exportKey('spki', publicKey)),
      extensions: [basicConstraints(below), keyUsage(below === undefined)],
    },
    signerOf(issuer.key),
  );
}

function basicConstraints(below: NitroCertificate['authoritiesBelow']): ExtensionToIssue {
  const limit = typeof below === 'number' ? [derInteger(below)] : [];
  return {
    oid: oids.basicConstraints,
    critical: true,
    value: derSequence(...(below === undefined ? [] : [derBoolean(true), ...limit])),
  };
}

/** digitalSignature (bit 0) for a document's certificate; keyCertSign and cRLSign (bits 5 and 6) for an authority. */
function keyUsage(signsDocuments: boolean): ExtensionToIssue {
  const bits = signsDocuments ? derBitString(Uint8Array.of(0x80), 7) : derBitString(Uint8Array.of(0x06), 1);
  return { oid: oids.keyUsage, critical: true, value: bits };
}

function signerOf(key: CryptoKey): Signer {
  return {
    algorithm: ecdsaWithSha384,
    sign: async (toBeSigned) => {
      const fixed = new Uint8Array(
        await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-384' }, key, toBeSigned as Bytes),
      );
      return derSequence(
        derInteger(unsigned(fixed.subarray(0, 48))),
        derInteger(unsigned(fixed.subarray(48))),
      );
    },
  };
}

function unsigned(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
