// SPDX-License-Identifier: Apache-2.0
import type { Anchor } from '@enarx/attestation';
import {
  issueCaCertificate,
  issueSevCertificate,
  type CaCertificateToIssue,
  type SevCertificateToIssue,
  type SevSigner,
  type SevUsage,
} from '@enarx/attestation/sev';

const ecdsa = () =>
  crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify']);
const rsa = (modulusLength: number, hash: string) =>
  crypto.subtle.generateKey(
    { name: 'RSA-PSS', modulusLength, publicExponent: Uint8Array.of(1, 0, 1), hash },
    true,
    ['sign', 'verify'],
  );

const [ark, ask, otherRsa, cek, oca, pek, pdh, otherEc] = await Promise.all([
  rsa(2048, 'SHA-256'),
  rsa(2048, 'SHA-256'),
  rsa(2048, 'SHA-256'),
  ecdsa(),
  ecdsa(),
  ecdsa(),
  crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-384' }, true, ['deriveBits']),
  ecdsa(),
]);
/** Keys that nobody certified. */
export const strangers = { rsa: otherRsa.privateKey, ec: otherEc.privateKey, rsaPair: otherRsa };
export const keys = { ark, ask, cek, oca, pek, pdh };

const pointOf = async ({ publicKey }: CryptoKeyPair): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.exportKey('raw', publicKey));
export const points = {
  PDH: await pointOf(pdh),
  PEK: await pointOf(pek),
  OCA: await pointOf(oca),
  CEK: await pointOf(cek),
};

export const signer = {
  ask: { usage: 'ASK', key: ask.privateKey },
  cek: { usage: 'CEK', key: cek.privateKey },
  oca: { usage: 'OCA', key: oca.privateKey },
  pek: { usage: 'PEK', key: pek.privateKey },
} as const satisfies Record<string, SevSigner>;

const arkId = new Uint8Array(16).fill(0xa1);
const askId = new Uint8Array(16).fill(0xa2);
const api = { major: 1, minor: 55 };
const signersOf: Record<SevUsage, readonly SevSigner[]> = {
  PDH: [signer.pek],
  PEK: [signer.oca, signer.cek],
  OCA: [signer.oca],
  CEK: [signer.ask],
};

export const made = (
  usage: SevUsage,
  {
    signers = signersOf[usage],
    ...content
  }: Partial<SevCertificateToIssue> & { signers?: readonly SevSigner[] } = {},
): Promise<Uint8Array> => issueSevCertificate({ usage, api, point: points[usage], ...content }, signers);

export const madeCa = (
  usage: 'ARK' | 'ASK',
  { key = ark.privateKey, ...content }: Partial<CaCertificateToIssue> & { key?: CryptoKey } = {},
): Promise<Uint8Array> => {
  const own =
    usage === 'ARK' ? { keyId: arkId, publicKey: ark.publicKey } : { keyId: askId, publicKey: ask.publicKey };
  return issueCaCertificate({ usage, issuerId: arkId, ...own, ...content }, key);
};

export interface MadeParts {
  pdh: Uint8Array;
  pek: Uint8Array;
  oca: Uint8Array;
  cek: Uint8Array;
  ask: Uint8Array;
  ark: Uint8Array;
}
/** The six certificates of a platform that was made here, and passes. */
export const good: MadeParts = {
  pdh: await made('PDH'),
  pek: await made('PEK'),
  oca: await made('OCA'),
  cek: await made('CEK'),
  ask: await madeCa('ASK'),
  ark: await madeCa('ARK'),
};

export const anchor: Anchor = {
  vendor: 'amd',
  name: 'made in a test',
  spkiDigest: new Uint8Array(
    await crypto.subtle.digest('SHA-256', await crypto.subtle.exportKey('spki', ark.publicKey)),
  ),
  simulated: true,
};

/** A number in a certificate, little-endian. */
export const patched = (bytes: Uint8Array, at: number, ...values: number[]): Uint8Array => {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
};
