// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

import { readDer } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readInteger, readOctetsOfBitString } from '../der/values.ts';
import { ecdhSha256, ecdsaSha256, rsaPssSha256, rsaPssSha384, usages, type Usage } from './algorithms.ts';
import { caCertificateOffsets, caHeadLength, rsaExponent } from './ca-certificate.ts';
import {
  sevCertificateLength,
  sevCertificateOffsets,
  sevCertificateVersion,
  sevSignedLength,
  slotOffsets,
  type ApiVersion,
  type SevUsage,
} from './certificate.ts';
import { signatureBlobLength, writeKeyBlob, writeSignatureBlob } from './ecc.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What a platform's certificate says. */
export interface SevCertificateToIssue {
  readonly usage: SevUsage;
  readonly api: ApiVersion;
  /** ALGO of the key; that of its usage unless given. */
  readonly algorithm?: number;
  /** 04 ‖ X ‖ Y, 97 bytes. */
  readonly point: Uint8Array;
}

/** Who signs a certificate. */
export interface SevSigner {
  readonly usage: Usage;
  /** Private key: ECDSA on P-384, or RSA-PSS of an ASK with its hash. */
  readonly key: CryptoKey;
}

/** A certificate of 2084 bytes with the signatures in the order given, two at most; slots without one are marked so. */
export async function issueSevCertificate(
  { usage, api, point, algorithm = usage === 'PDH' ? ecdhSha256 : ecdsaSha256 }: SevCertificateToIssue,
  signers: readonly SevSigner[],
): Promise<Bytes> {
  const bytes = new Uint8Array(sevCertificateLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, sevCertificateVersion, true);
  view.setUint8(sevCertificateOffsets.apiMajor, api.major);
  view.setUint8(sevCertificateOffsets.apiMinor, api.minor);
  view.setUint32(sevCertificateOffsets.usage, usages[usage], true);
  view.setUint32(sevCertificateOffsets.algorithm, algorithm, true);
  bytes.set(writeKeyBlob(point), sevCertificateOffsets.key);
  const toBeSigned = bytes.slice(0, sevSignedLength);
  for (const [i, at] of slotOffsets.entries()) {
    const signer = signers[i];
    view.setUint32(at, usages[signer?.usage ?? 'none'], true);
    if (signer === undefined) continue;
    const { code, blob } = await signatureOf(signer.key, toBeSigned);
    view.setUint32(at + 4, code, true);
    bytes.set(blob, at + 8);
  }
  return bytes;
}

/**
 * The certificate in which a guest's owner hands over the public half of a Diffie-Hellman key (GODH, QEMU's
 * `dh-cert-file`): of usage PDH, and unsigned, since the firmware has nothing to check it with.
 */
export function issueOwnerCertificate(point: Uint8Array): Promise<Bytes> {
  return issueSevCertificate({ usage: 'PDH', api: { major: 0, minor: 0 }, point }, []);
}

/** What a certificate of AMD's own kinds says. */
export interface CaCertificateToIssue {
  readonly usage: 'ARK' | 'ASK';
  /** 16 bytes each. */
  readonly keyId: Uint8Array;
  readonly issuerId: Uint8Array;
  /** RSA-PSS key of 2048 or 4096 bits with the exponent 65537. */
  readonly publicKey: CryptoKey;
}

/** A certificate of 832 or 1600 bytes. @param issuer - RSA-PSS key as long as the certified one */
export async function issueCaCertificate(
  { usage, keyId, issuerId, publicKey }: CaCertificateToIssue,
  issuer: CryptoKey,
): Promise<Bytes> {
  const modulus = await modulusOf(publicKey);
  const size = modulus.length;
  const body = new Uint8Array(caHeadLength + 2 * size);
  const view = new DataView(body.buffer);
  view.setUint32(0, 1, true);
  body.set(keyId, caCertificateOffsets.keyId);
  body.set(issuerId, caCertificateOffsets.issuerId);
  view.setUint32(caCertificateOffsets.usage, usages[usage], true);
  view.setUint32(caCertificateOffsets.exponentBits, size * 8, true);
  view.setUint32(caCertificateOffsets.bits, size * 8, true);
  view.setUint32(caHeadLength, rsaExponent, true);
  body.set(modulus.reverse(), caHeadLength + size);
  const signature = await signRsa(issuer, body);
  return concatBytes(body, signature.reverse());
}

/** RsaHashedKeyAlgorithm of WebCrypto, of which not every runtime's types know. */
type RsaAlgorithm = KeyAlgorithm & { readonly hash: KeyAlgorithm; readonly modulusLength: number };

async function signatureOf(key: CryptoKey, bytes: Bytes): Promise<{ code: number; blob: Bytes }> {
  if (key.algorithm.name === 'RSA-PSS') {
    const blob = new Uint8Array(signatureBlobLength);
    blob.set((await signRsa(key, bytes)).reverse());
    return { code: hashOf(key) === 'SHA-256' ? rsaPssSha256 : rsaPssSha384, blob };
  }
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, bytes);
  return { code: ecdsaSha256, blob: writeSignatureBlob(new Uint8Array(signature)) };
}

async function signRsa(key: CryptoKey, bytes: Bytes): Promise<Bytes> {
  const saltLength = hashOf(key) === 'SHA-256' ? 32 : 48;
  return new Uint8Array(await crypto.subtle.sign({ name: 'RSA-PSS', saltLength }, key, bytes));
}

function hashOf(key: CryptoKey): string {
  return (key.algorithm as RsaAlgorithm).hash.name;
}

/** Big-endian, as long as the key. */
async function modulusOf(publicKey: CryptoKey): Promise<Bytes> {
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', publicKey));
  const info = readDer(spki, tags.sequence).reader();
  info.next(tags.sequence);
  const numbers = readDer(readOctetsOfBitString(info.next(tags.bitString)), tags.sequence).reader();
  let modulus = readInteger(numbers.next(tags.integer));
  const bytes = new Uint8Array((publicKey.algorithm as RsaAlgorithm).modulusLength / 8);
  for (let i = bytes.length - 1; i >= 0; i -= 1) {
    bytes[i] = Number(modulus & 0xffn);
    modulus >>= 8n;
  }
  return bytes;
}
