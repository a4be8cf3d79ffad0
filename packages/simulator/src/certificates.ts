// SPDX-License-Identifier: Apache-2.0
import {
  derBitString,
  derBoolean,
  derExplicit,
  DerReader,
  derIa5String,
  derInteger,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  readOctetsOfBitString,
  tags,
} from '@enarx/attestation/der';
import {
  issueCertificate,
  type ExtensionToIssue,
  type NameAttribute,
  type Signer,
} from '@enarx/attestation/x509';
import { concatBytes } from '@enarx/protocol';

import type { TcbVersion } from './report.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export interface Certificates {
  /** Root, self-signed, DER. */
  readonly ark: Bytes;
  /** Intermediate, DER. */
  readonly ask: Bytes;
  /** The chip's own, for one TCB, DER. */
  readonly vcek: Bytes;
}

export interface CertificatesToIssue {
  readonly ark: CryptoKeyPair;
  readonly ask: CryptoKeyPair;
  /** SubjectPublicKeyInfo of the chip's P-384 key. */
  readonly vcekPublicKey: Uint8Array;
  readonly chipId: Uint8Array;
  readonly tcb: TcbVersion;
  /** Milliseconds since 1970. */
  readonly from: number;
}

const product = 'Genoa';
/** AMD's roots are valid for so long. A VCEK has seven years there; a simulated one cannot be fetched anew, so it has as many as its root. */
const years = 25;
const millisecondsInYear = 365.25 * 86_400_000;

/** Serial numbers of ARK-Genoa and of the SEV-Genoa that is not revoked; every VCEK has 0. */
const serials = { ark: 0x20000, ask: 0x20002, vcek: 0 } as const;

const oids = {
  organizationalUnit: '2.5.4.11',
  country: '2.5.4.6',
  locality: '2.5.4.7',
  state: '2.5.4.8',
  organization: '2.5.4.10',
  commonName: '2.5.4.3',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  rsassaPss: '1.2.840.113549.1.1.10',
  mgf1: '1.2.840.113549.1.1.8',
  sha384: '2.16.840.1.101.3.4.2.2',
} as const;

/** AMD's arc for what a VCEK certifies (VCEK Certificate and KDS Interface Specification, 57230, table 8). */
const amd = '1.3.6.1.4.1.3704.1';

/** RSASSA-PSS with SHA-384, MGF1 with SHA-384 and 48 bytes of salt, as AMD signs every certificate. */
const pssAlgorithm = derSequence(
  derOid(oids.rsassaPss),
  derSequence(
    derExplicit(0, derSequence(derOid(oids.sha384), derNull())),
    derExplicit(1, derSequence(derOid(oids.mgf1), derSequence(derOid(oids.sha384), derNull()))),
    derExplicit(2, derInteger(48)),
  ),
);

/**
 * The three certificates in AMD's layout. Names differ in one attribute, so that whoever looks at a certificate sees what
 * it is: the organization. No list of revoked certificates is named, since there is none.
 */
export async function issueCertificates(options: CertificatesToIssue): Promise<Certificates> {
  const { from } = options;
  const [arkKey, askKey] = await Promise.all([
    publicKeyOf(options.ark.publicKey),
    publicKeyOf(options.ask.publicKey),
  ]);
  const names = { ark: name(`ARK-${product}`), ask: name(`SEV-${product}`), vcek: name('SEV-VCEK') };
  const validity = { notBefore: from, notAfter: from + years * millisecondsInYear };
  const signedByArk = signer(options.ark.privateKey);
  const [ark, ask, vcek] = await Promise.all([
    issueCertificate(
      {
        serial: serials.ark,
        issuer: names.ark,
        subject: names.ark,
        ...validity,
        publicKey: arkKey.encoded,
        // keyCertSign and cRLSign (RFC 5280 section 4.2.1.3: bits 5 and 6).
        extensions: [keyUsage(0x06, 1), subjectKeyIdentifier(arkKey), authority()],
      },
      signedByArk,
    ),
    issueCertificate(
      {
        serial: serials.ask,
        issuer: names.ark,
        subject: names.ask,
        ...validity,
        publicKey: askKey.encoded,
        extensions: [
          subjectKeyIdentifier(askKey),
          authorityKeyIdentifier(arkKey),
          authority(0),
          keyUsage(0x04, 2),
        ],
      },
      signedByArk,
    ),
    issueCertificate(
      {
        serial: serials.vcek,
        issuer: names.ask,
        subject: names.vcek,
        ...validity,
        publicKey: options.vcekPublicKey,
        extensions: chipExtensions(options.tcb, options.chipId),
      },
      signer(options.ask.privateKey),
    ),
  ]);
  return { ark, ask, vcek };
}

function name(commonName: string): readonly NameAttribute[] {
  return [
    [oids.organizationalUnit, 'Engineering'],
    [oids.country, 'US'],
    [oids.locality, 'Santa Clara'],
    [oids.state, 'CA'],
    [oids.organization, 'SIMULATED by Enarx'],
    [oids.commonName, commonName],
  ];
}

function signer(key: CryptoKey): Signer {
  return {
    algorithm: pssAlgorithm,
    sign: async (toBeSigned) =>
      new Uint8Array(await crypto.subtle.sign({ name: 'RSA-PSS', saltLength: 48 }, key, toBeSigned as Bytes)),
  };
}

interface PublicKey {
  readonly encoded: Bytes;
  /** SHA-1 of the key's bits: method 1 of RFC 5280 section 4.2.1.2. It names the key and protects nothing. */
  readonly identifier: Bytes;
}

async function publicKeyOf(key: CryptoKey): Promise<PublicKey> {
  const encoded = new Uint8Array(await crypto.subtle.exportKey('spki', key));
  const fields = new DerReader(new DerReader(encoded).next(tags.sequence).content);
  fields.next(tags.sequence);
  const bits = readOctetsOfBitString(fields.next(tags.bitString));
  return { encoded, identifier: new Uint8Array(await crypto.subtle.digest('SHA-1', bits as Bytes)) };
}

function subjectKeyIdentifier({ identifier }: PublicKey): ExtensionToIssue {
  return { oid: oids.subjectKeyIdentifier, value: derOctetString(identifier) };
}

function authorityKeyIdentifier({ identifier }: PublicKey): ExtensionToIssue {
  const keyIdentifier = concatBytes(Uint8Array.of(0x80, identifier.length), identifier);
  return { oid: oids.authorityKeyIdentifier, value: derSequence(keyIdentifier) };
}

function authority(pathLength?: number): ExtensionToIssue {
  const limit = pathLength === undefined ? [] : [derInteger(pathLength)];
  return { oid: oids.basicConstraints, critical: true, value: derSequence(derBoolean(true), ...limit) };
}

function keyUsage(bits: number, unusedBits: number): ExtensionToIssue {
  return { oid: oids.keyUsage, critical: true, value: derBitString(Uint8Array.of(bits), unusedBits) };
}

/** In the order in which AMD writes them. The chip's id stands bare in its extension, without a DER head. */
function chipExtensions(tcb: TcbVersion, chipId: Uint8Array): readonly ExtensionToIssue[] {
  const number = (suffix: string, value: number): ExtensionToIssue => ({
    oid: `${amd}.${suffix}`,
    value: derInteger(value),
  });
  return [
    number('1', 0),
    { oid: `${amd}.2`, value: derIa5String(product) },
    number('3.1', tcb.bootloader),
    number('3.2', tcb.tee),
    number('3.4', 0),
    number('3.5', 0),
    number('3.6', 0),
    number('3.7', 0),
    number('3.3', tcb.snp),
    number('3.8', tcb.microcode),
    { oid: `${amd}.4`, value: chipId },
  ];
}
