// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

import type { Anchor } from '../../src/anchors.ts';
import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derIa5String,
  derInteger,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derTime,
  tags,
} from '../../src/der/index.ts';
import {
  derExtension,
  derName,
  issueCertificate,
  type CertificateToIssue,
  type ExtensionToIssue,
  type NameAttribute,
  type Signer,
} from '../../src/x509/issue.ts';

// A made-up AMD for tests: the vendor's names, layouts and algorithms under keys of our own, with anything altered
// before it is signed. So each check can be shown to be the only one that notices.

type Bytes = Uint8Array<ArrayBuffer>;

export const at = Date.parse('2026-06-01T12:00:00Z');
const year = 365 * 86_400_000;

const sha384 = derSequence(derOid('2.16.840.1.101.3.4.2.2'), derNull());
/** RSASSA-PSS as AMD writes it, with the trailer field as until 2025 or without as since. */
export const pssIdentifier = (trailer: boolean): Bytes =>
  derSequence(
    derOid('1.2.840.113549.1.1.10'),
    derSequence(
      derExplicit(0, sha384),
      derExplicit(1, derSequence(derOid('1.2.840.113549.1.1.8'), sha384)),
      derExplicit(2, derInteger(48)),
      ...(trailer ? [derExplicit(3, derInteger(1))] : []),
    ),
  );

export interface Authority {
  readonly name: readonly NameAttribute[];
  readonly publicKey: Bytes;
  readonly signer: Signer;
}

const spkiOf = async (key: CryptoKey): Promise<Bytes> =>
  new Uint8Array(await crypto.subtle.exportKey('spki', key));

/** 2048 bits: what is tested does not depend on the size, and 4096 take seconds to make. */
export async function rsaAuthority(commonName: string, trailer = false): Promise<Authority> {
  const pair = await crypto.subtle.generateKey(
    { name: 'RSA-PSS', hash: 'SHA-384', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) },
    true,
    ['sign', 'verify'],
  );
  return {
    name: amdName(commonName),
    publicKey: await spkiOf(pair.publicKey),
    signer: {
      algorithm: pssIdentifier(trailer),
      sign: async (bytes) =>
        new Uint8Array(
          await crypto.subtle.sign({ name: 'RSA-PSS', saltLength: 48 }, pair.privateKey, bytes as Bytes),
        ),
    },
  };
}

/** An authority as Intel and AWS have them. */
export async function ecAuthority(commonName: string, curve: 'P-256' | 'P-384'): Promise<Authority> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: curve }, true, [
    'sign',
    'verify',
  ]);
  const [hash, oid] =
    curve === 'P-256'
      ? (['SHA-256', '1.2.840.10045.4.3.2'] as const)
      : (['SHA-384', '1.2.840.10045.4.3.3'] as const);
  return {
    name: amdName(commonName),
    publicKey: await spkiOf(pair.publicKey),
    signer: {
      algorithm: derSequence(derOid(oid)),
      sign: async (bytes) => {
        const fixed = new Uint8Array(
          await crypto.subtle.sign({ name: 'ECDSA', hash }, pair.privateKey, bytes as Bytes),
        );
        const number = (part: Uint8Array): Bytes =>
          derInteger(BigInt(`0x${Buffer.from(part).toString('hex')}`));
        return derSequence(
          number(fixed.subarray(0, fixed.length / 2)),
          number(fixed.subarray(fixed.length / 2)),
        );
      },
    },
  };
}

export const amdName = (commonName: string): NameAttribute[] => [
  ['2.5.4.11', 'Engineering'],
  ['2.5.4.6', 'US'],
  ['2.5.4.10', 'Not Advanced Micro Devices'],
  ['2.5.4.3', commonName],
];

export const basicConstraints = (ca: boolean, pathLength?: number): ExtensionToIssue => ({
  oid: '2.5.29.19',
  critical: true,
  value: derSequence(
    ...(ca ? [derBoolean(true)] : []),
    ...(pathLength === undefined ? [] : [derInteger(pathLength)]),
  ),
});

/** @param octet - bit 0 is 0x80: keyCertSign is 0x04, cRLSign 0x02 */
export const keyUsage = (octet: number): ExtensionToIssue => ({
  oid: '2.5.29.15',
  critical: true,
  value: derBitString(Uint8Array.of(octet), 1),
});

export async function certify(
  subject: Pick<Authority, 'name' | 'publicKey'>,
  issuer: Authority,
  alter: Partial<CertificateToIssue> = {},
): Promise<Bytes> {
  return issueCertificate(
    {
      serial: 1,
      issuer: issuer.name,
      subject: subject.name,
      notBefore: at - year,
      notAfter: at + year,
      publicKey: subject.publicKey,
      ...alter,
    },
    issuer.signer,
  );
}

export interface ListToIssue {
  readonly number?: number;
  readonly thisUpdate?: number;
  readonly nextUpdate?: number;
  readonly revoked?: readonly (number | bigint)[];
  readonly extensions?: readonly ExtensionToIssue[];
  readonly entryExtensions?: readonly ExtensionToIssue[];
}

export async function issueList(issuer: Authority, list: ListToIssue = {}): Promise<Bytes> {
  const { number = 7, thisUpdate = at - 1000, nextUpdate = at + year, revoked = [] } = list;
  const entries = revoked.map((serial) =>
    derSequence(
      derInteger(serial),
      derTime(at - year),
      ...(list.entryExtensions ? [derSequence(...list.entryExtensions.map(derExtension))] : []),
    ),
  );
  const body = derSequence(
    derInteger(1),
    issuer.signer.algorithm,
    derName(issuer.name),
    derTime(thisUpdate),
    derTime(nextUpdate),
    ...(entries.length > 0 ? [derSequence(...entries)] : []),
    derExplicit(
      0,
      derSequence(
        ...[{ oid: '2.5.29.20', value: derInteger(number) }, ...(list.extensions ?? [])].map(derExtension),
      ),
    ),
  );
  return derSequence(body, issuer.signer.algorithm, derBitString(await issuer.signer.sign(body)));
}

const arc = '1.3.6.1.4.1.3704.1';
export type ExtensionValues = Readonly<Record<string, Uint8Array | undefined>>;

/** AMD's extensions of a VCEK for the first product family; a member that is undefined is left out. */
export const vcekExtensions = (product: string, chipId: Uint8Array): ExtensionValues => ({
  [`${arc}.1`]: derInteger(0),
  [`${arc}.2`]: derIa5String(product),
  [`${arc}.3.1`]: derInteger(4),
  [`${arc}.3.2`]: derInteger(0),
  [`${arc}.3.4`]: derInteger(0),
  [`${arc}.3.5`]: derInteger(0),
  [`${arc}.3.6`]: derInteger(0),
  [`${arc}.3.7`]: derInteger(0),
  [`${arc}.3.3`]: derInteger(24),
  [`${arc}.3.8`]: derInteger(219),
  [`${arc}.4`]: chipId,
});

export const turinExtensions = (chipId: Uint8Array): ExtensionValues => ({
  [`${arc}.1`]: derInteger(1),
  [`${arc}.2`]: derIa5String('Turin'),
  [`${arc}.3.9`]: derInteger(1),
  [`${arc}.3.1`]: derInteger(4),
  [`${arc}.3.2`]: derInteger(0),
  [`${arc}.3.3`]: derInteger(24),
  [`${arc}.3.8`]: derInteger(219),
  [`${arc}.4`]: chipId.subarray(0, 8),
});

export const vlekExtensions = (product: string): ExtensionValues => ({
  ...vcekExtensions(product, new Uint8Array()),
  [`${arc}.4`]: undefined,
  [`${arc}.5`]: derIa5String('CN=cloud.example'),
});

export const amdOid = (suffix: string): string => `${arc}.${suffix}`;

export const extensionsOf = (values: ExtensionValues): ExtensionToIssue[] =>
  Object.entries(values).flatMap(([oid, value]) => (value === undefined ? [] : [{ oid, value }]));

/** OCTET STRING around it, as some issues of HWID have. */
export const wrapped = (value: Uint8Array): Bytes => derOctetString(value);
/** One element of any tag. */
export const element = (tag: keyof typeof tags, ...content: Uint8Array[]): Bytes =>
  derElement(tags[tag], ...content);

/** 64 bytes, none of them zero. */
export const chipId = Uint8Array.from({ length: 64 }, (_, index) => index + 1);

/** One line of products with its root, both intermediates and one endorsement key. */
export interface FakeAmd {
  readonly product: string;
  readonly anchor: Anchor;
  readonly ark: Authority;
  readonly ask: Authority;
  readonly asvk: Authority;
  /** The endorsement key. */
  readonly vek: { readonly publicKey: Bytes; readonly privateKey: CryptoKey };
  /** Certificates as AMD's service gives them. */
  readonly certificates: { readonly ark: Bytes; readonly ask: Bytes; readonly asvk: Bytes };
  /** A VCEK certificate under the ASK with these extensions and whatever else. */
  vcek(values?: ExtensionValues, alter?: Partial<CertificateToIssue>): Promise<Bytes>;
  /** A VLEK certificate under the ASVK. */
  vlek(values?: ExtensionValues, alter?: Partial<CertificateToIssue>): Promise<Bytes>;
  /** A report of version 3, altered by writing bytes at offsets, then signed with the endorsement key. */
  report(alter?: Alteration): Promise<Bytes>;
}

/** Bytes by offset in the report. */
export type Alteration = Readonly<Record<number, readonly number[] | Uint8Array>>;

export async function fakeAmd(product: 'Milan' | 'Genoa' | 'Turin' = 'Milan'): Promise<FakeAmd> {
  const [ark, ask, asvk, pair] = await Promise.all([
    rsaAuthority(`ARK-${product}`),
    rsaAuthority(`SEV-${product}`),
    rsaAuthority(`SEV-VLEK-${product}`),
    crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify']),
  ]);
  const vek = { publicKey: await spkiOf(pair.publicKey), privateKey: pair.privateKey };
  const turin = product === 'Turin';
  const spkiDigest = new Uint8Array(await crypto.subtle.digest('SHA-256', ark.publicKey));
  return {
    product,
    anchor: { vendor: 'amd', name: `ARK-${product}`, spkiDigest, simulated: true },
    ark,
    ask,
    asvk,
    vek,
    certificates: {
      ark: await certify(ark, ark, { serial: 0x10000, extensions: [basicConstraints(true), keyUsage(0x06)] }),
      ask: await certify(ask, ark, {
        serial: 0x10001,
        extensions: [basicConstraints(true, 0), keyUsage(0x04)],
      }),
      asvk: await certify(asvk, ark, {
        serial: 0x10101,
        extensions: [basicConstraints(true, 0), keyUsage(0x04)],
      }),
    },
    vcek: async (values = {}, alter = {}) =>
      certify({ name: amdName('SEV-VCEK'), publicKey: vek.publicKey }, ask, {
        serial: 0,
        extensions: extensionsOf({
          ...(turin ? turinExtensions(chipId) : vcekExtensions(`${product}-B0`, chipId)),
          ...values,
        }),
        ...alter,
      }),
    vlek: async (values = {}, alter = {}) =>
      certify({ name: amdName('SEV-VLEK'), publicKey: vek.publicKey }, asvk, {
        serial: 0,
        extensions: extensionsOf({ ...vlekExtensions(product), ...values }),
        ...alter,
      }),
    report: async (alter = {}) => signReport(alterBytes(unsignedReport(product), alter), vek.privateKey),
  };
}

/** What the firmware of a well-kept platform would report: version 3, guest at VMPL 0, one TCB throughout. */
export function unsignedReport(product: 'Milan' | 'Genoa' | 'Turin'): Bytes {
  const tcb = product === 'Turin' ? [1, 4, 0, 24, 0, 0, 0, 219] : [4, 0, 0, 0, 0, 0, 24, 219];
  const cpuid = { Milan: [0x19, 0x01, 0x01], Genoa: [0x19, 0x11, 0x01], Turin: [0x1a, 0x02, 0x01] }[product];
  return alterBytes(new Uint8Array(0x4a0), {
    0x00: [3],
    0x08: [0, 0, 3],
    0x34: [1],
    0x38: tcb,
    0x40: [0x25],
    0x50: Array.from({ length: 64 }, (_, index) => 0x40 + index),
    0x90: Array.from({ length: 48 }, (_, index) => 0x80 + index),
    0x160: Array.from({ length: 32 }, () => 0xff),
    0x180: tcb,
    0x188: cpuid,
    0x1a0: product === 'Turin' ? chipId.subarray(0, 8) : chipId,
    0x1e0: tcb,
    0x1e8: [40, 55, 1, 0, 40, 55, 1, 0],
    0x1f0: tcb,
  });
}

export function alterBytes(bytes: Uint8Array, alter: Alteration): Bytes {
  const altered = new Uint8Array(bytes);
  for (const [offset, content] of Object.entries(alter)) altered.set(content, Number(offset));
  return altered;
}

/** Puts a signature on bytes 0 to 0x29F the way the firmware does: R and S in 72 bytes each, little-endian. */
export async function signReport(report: Uint8Array, key: CryptoKey): Promise<Bytes> {
  const signed = report.slice(0, 0x2a0);
  const signature = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-384' }, key, signed));
  const field = new Uint8Array(512);
  field.set(signature.slice(0, 48).reverse(), 0);
  field.set(signature.slice(48).reverse(), 72);
  return concatBytes(signed, field);
}
