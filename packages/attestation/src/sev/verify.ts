// SPDX-License-Identifier: Apache-2.0
import { compareBytes, toHex } from '@enarx/protocol';

import type { Anchor } from '../anchors.ts';
import { check, failed, outcomeOf, passed, type Outcome } from '../checks.ts';
import { sha256 } from '../digest.ts';
import { asVerified, type CheckTable, type VerifiedEvidence, type Verification } from '../verification.ts';
import { type Algorithm, type Usage } from './algorithms.ts';
import { sameKeyId, type CaCertificate } from './ca-certificate.ts';
import type { SevCertificate, SevUsage } from './certificate.ts';
import type { SevClaims } from './claims.ts';
import { readSignatureBlob } from './ecc.ts';
import { readPlatformChain, type PlatformChain } from './platform-chain.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Checks of a SEV platform's certificates, in their order. */
export const sevChecks = {
  'sev/ark-anchor': 'The root key (ARK) is one of the anchors',
  'sev/ark-self-signed': 'The root key signed its own certificate',
  'sev/ask-signed': 'The root key signed the certificate of the signing key (ASK)',
  'sev/key-ids': 'ARK and ASK name the root key as their issuer',
  'sev/cek-signed': "The signing key signed the chip's key (CEK)",
  'sev/oca-self-signed': "The platform owner's key (OCA) signed its own certificate",
  'sev/pek-signed-by-oca': "The owner's key signed the platform's endorsement key (PEK)",
  'sev/pek-signed-by-cek': "The chip's key signed the platform's endorsement key",
  'sev/pdh-signed': "The platform's endorsement key signed its Diffie-Hellman key (PDH)",
  'sev/signers': 'Each certificate is signed by the keys that its place asks for, once each, and by no other',
  'sev/algorithms': 'Each key is for what its place asks for: signatures, or for the PDH key agreement',
  'sev/points': 'Each key is a point on P-384',
} as const satisfies CheckTable;

export type SevCheckId = keyof typeof sevChecks;

/** A {@link Verification} of a platform's certificates. */
export interface SevVerification extends Omit<Verification, 'claims' | 'verified'> {
  readonly format: 'sev';
  readonly claims: SevClaims;
  readonly verified: VerifiedEvidence<SevClaims> | undefined;
}

export interface SevVerifyOptions {
  /** Files that hold the certificates: see {@link readPlatformChain}. */
  readonly certificates: readonly Uint8Array[];
  /** Keys that the chain may end in. An empty list trusts nobody. */
  readonly anchors: readonly Anchor[];
  /** Time of verification, in milliseconds since 1970. The certificates have no dates; the record has. */
  readonly at: number;
}

/** Who must have signed which certificate: exactly these. */
const signers: Readonly<Record<SevUsage, readonly Usage[]>> = {
  PDH: ['PEK'],
  PEK: ['OCA', 'CEK'],
  OCA: ['OCA'],
  CEK: ['ASK'],
};

/**
 * Whether a platform is a genuine SEV processor: PDH ← PEK ← OCA and CEK, CEK ← ASK ← ARK (SEV API specification,
 * appendix B and C). Only then may a guest's owner agree on keys with its PDH.
 *
 * @throws EnarxError `sev/certificate-malformed`, `sev/chain-incomplete`, `sev/chain-ambiguous`
 */
export async function verifySevPlatform({
  certificates,
  anchors,
  at,
}: SevVerifyOptions): Promise<SevVerification> {
  const chain = readPlatformChain(certificates);
  const ask = await signerOf(chain);
  const ark = chain.arks.find(({ keyId }) => sameKeyId(keyId, ask.issuerId)) ?? chain.arks[0];
  const spki = await sha256(ark.publicKey);
  const anchor = anchors.find(
    ({ vendor, spkiDigest }) => vendor === 'amd' && compareBytes(spkiDigest, spki) === 0,
  );
  const { pdh, pek, oca, cek } = chain;
  const outcomes: Record<SevCheckId, Outcome> = {
    'sev/ark-anchor': anchorOutcome(anchor, spki),
    'sev/ark-self-signed': await signedByAuthority(ark, ark),
    'sev/ask-signed': await signedByAuthority(ask, ark),
    'sev/key-ids': keyIds(ask, ark),
    'sev/cek-signed': await chipSigned(cek, ask),
    'sev/oca-self-signed': await signedBy(oca, oca),
    'sev/pek-signed-by-oca': await signedBy(pek, oca),
    'sev/pek-signed-by-cek': await signedBy(pek, cek),
    'sev/pdh-signed': await signedBy(pdh, pek),
    'sev/signers': signersOutcome([pdh, pek, oca, cek]),
    'sev/algorithms': algorithmsOutcome([pdh, pek, oca, cek]),
    'sev/points': await pointsOutcome([pdh, pek, oca, cek]),
  };
  const claims: SevClaims = {
    format: 'sev',
    api: pdh.api,
    pdh: pdh.point,
    chip: await sha256(cek.keyBlob),
    owner: await sha256(oca.keyBlob),
  };
  const checks = (Object.keys(sevChecks) as SevCheckId[]).map((id) => check(id, outcomes[id]));
  return {
    format: 'sev',
    simulated: anchor?.simulated ?? false,
    checks,
    claims,
    verified: asVerified(claims, checks, { anchor, at }),
  };
}

/** The ASK that signed the CEK, or for want of one the first, so that the checks say what is wrong. */
async function signerOf({ cek, asks }: PlatformChain): Promise<CaCertificate> {
  for (const ask of asks) if ((await chipSigned(cek, ask)).status === 'pass') return ask;
  return asks[0];
}

function anchorOutcome(anchor: Anchor | undefined, spki: Uint8Array): Outcome {
  if (anchor === undefined)
    return failed(
      `the root key with the SHA-256 ${toHex(spki)} is no anchor; name its anchor if you trust it`,
    );
  return passed(`${anchor.name}${anchor.simulated ? ', SIMULATED' : ''}`);
}

function keyIds(ask: CaCertificate, ark: CaCertificate): Outcome {
  const failures = [ask, ark]
    .filter(({ issuerId }) => !sameKeyId(issuerId, ark.keyId))
    .map(
      ({ usage, issuerId }) => `the ${usage} names ${toHex(issuerId)} as its issuer, not ${toHex(ark.keyId)}`,
    );
  return outcomeOf(failures, `issuer ${toHex(ark.keyId)}`);
}

async function signedByAuthority(subject: CaCertificate, issuer: CaCertificate): Promise<Outcome> {
  const good = await verifyRsa(issuer, subject.signature, subject.toBeSigned);
  return good
    ? passed(`the ARK signed the ${subject.usage}`)
    : failed(`the signature of the ${subject.usage} is not by the ARK given`);
}

async function chipSigned(cek: SevCertificate, ask: CaCertificate): Promise<Outcome> {
  const slot = cek.signatures.find(({ usage }) => usage === 'ASK');
  if (slot === undefined)
    return failed(
      "the CEK is without AMD's signature; fetch it from https://kdsintf.amd.com/cek/id/ and the chip's id",
    );
  const { algorithm } = ask;
  if (slot.algorithm.scheme !== algorithm.scheme || slot.algorithm.hash !== algorithm.hash)
    return failed('the CEK is signed in another way than the ASK signs');
  const size = ask.signature.length;
  // Little-endian; behind it stands nothing.
  if (slot.blob.subarray(size).some((byte) => byte !== 0))
    return failed('bytes that are not zero stand behind the signature of the CEK');
  const signature = slot.blob.subarray(0, size).toReversed();
  return (await verifyRsa(ask, signature, cek.toBeSigned))
    ? passed('the ASK signed the CEK')
    : failed('the signature of the CEK is not by the ASK given');
}

async function signedBy(subject: SevCertificate, issuer: SevCertificate): Promise<Outcome> {
  const names = `the ${issuer.usage} signed the ${subject.usage}`;
  const slot = subject.signatures.find(({ usage }) => usage === issuer.usage);
  if (slot === undefined) return failed(`no signature by the ${issuer.usage} stands in the ${subject.usage}`);
  const { algorithm } = slot;
  if (algorithm.scheme !== 'ECDSA')
    return failed(
      `the signature of the ${issuer.usage} in the ${subject.usage} is said to be ${algorithm.scheme}`,
    );
  const signature = readSignatureBlob(slot.blob);
  if (typeof signature === 'string') return failed(`the signature by the ${issuer.usage} has ${signature}`);
  const key = await importPoint(issuer.point);
  if (key === undefined) return failed(`the ${issuer.usage} is no point on P-384`);
  const good = await crypto.subtle.verify(
    { name: 'ECDSA', hash: algorithm.hash },
    key,
    signature,
    subject.toBeSigned,
  );
  return good
    ? passed(names)
    : failed(`the signature of the ${subject.usage} is not by the ${issuer.usage} given`);
}

function signersOutcome(certificates: readonly SevCertificate[]): Outcome {
  const failures = certificates
    .filter(({ usage, signatures }) => {
      const expected = signers[usage];
      return (
        signatures.length !== expected.length ||
        expected.some((signer) => !signatures.some((signature) => signature.usage === signer))
      );
    })
    .map(({ usage, signatures }) => {
      const found = signatures.map((signature) => signature.usage).join(' and ') || 'nobody';
      return `the ${usage} is signed by ${found}, not by ${signers[usage].join(' and ')}`;
    });
  return outcomeOf(failures, 'PDH by PEK, PEK by OCA and CEK, OCA by OCA, CEK by ASK');
}

function algorithmsOutcome(certificates: readonly SevCertificate[]): Outcome {
  const failures = certificates.flatMap(({ usage, algorithm }) => {
    const expected: Algorithm['scheme'] = usage === 'PDH' ? 'ECDH' : 'ECDSA';
    return algorithm.scheme === expected ? [] : [`the ${usage} is for ${algorithm.scheme}, not ${expected}`];
  });
  return outcomeOf(failures, 'OCA, PEK and CEK are for ECDSA, the PDH for ECDH');
}

async function pointsOutcome(certificates: readonly SevCertificate[]): Promise<Outcome> {
  const keys = await Promise.all(certificates.map(({ point }) => importPoint(point)));
  const failures = certificates
    .filter((_, i) => keys[i] === undefined)
    .map(({ usage }) => `the ${usage} is no point`);
  return outcomeOf(failures, 'all four are points on P-384');
}

/** `undefined` for what is no point on the curve: a key made of it would leak what it is used with. */
async function importPoint(point: Bytes): Promise<CryptoKey | undefined> {
  try {
    return await crypto.subtle.importKey('raw', point, { name: 'ECDSA', namedCurve: 'P-384' }, false, [
      'verify',
    ]);
  } catch {
    return undefined;
  }
}

async function verifyRsa(
  { publicKey, algorithm }: CaCertificate,
  signature: Bytes,
  signed: Bytes,
): Promise<boolean> {
  const { hash } = algorithm;
  const key = await crypto.subtle.importKey('spki', publicKey, { name: 'RSA-PSS', hash }, false, ['verify']);
  return crypto.subtle.verify(
    { name: 'RSA-PSS', saltLength: hash === 'SHA-256' ? 32 : 48 },
    key,
    signature,
    signed,
  );
}
