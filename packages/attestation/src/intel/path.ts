// SPDX-License-Identifier: Apache-2.0
import { compareBytes } from '@enarx/protocol';

import type { Certificate } from '../x509/certificate.ts';
import { importPublicKey, verifySignature } from '../x509/signature.ts';
import { intelNames } from './pck.ts';

/** PCK certificate, its authority, root. */
export type PckChain = readonly [Certificate, Certificate, Certificate];
/** TCB signing certificate, root. */
export type SigningChain = readonly [Certificate, Certificate];

/**
 * Finds who issued what by names and keys, whatever order the certificates came in: one genuine quote has the root in the middle.
 * @param inQuote - used before those from elsewhere, and judged, not quietly replaced
 */
export async function findPckChain(
  inQuote: readonly Certificate[],
  elsewhere: readonly Certificate[],
  at: number,
): Promise<{ readonly chain: PckChain } | { readonly missing: string }> {
  const isPck = ({ subject }: Certificate): boolean => subject.commonName === intelNames.pck;
  const pck = inQuote.find(isPck) ?? elsewhere.find(isPck);
  if (pck === undefined)
    return {
      missing: `no certificate of a PCK: the quote brings none; fetch it from Intel’s provisioning certification service with what the quote brings instead`,
    };
  const pool = [...inQuote, ...elsewhere];
  const authority = await issuerOf(pck, pool, at);
  if (authority === undefined) return { missing: `no certificate of ${pck.issuer.commonName}` };
  const root = await issuerOf(authority, pool, at);
  if (root === undefined) return { missing: `no certificate of ${authority.issuer.commonName}` };
  return { chain: [pck, authority, root] };
}

export async function findSigningChain(
  pool: readonly Certificate[],
  at: number,
): Promise<{ readonly chain: SigningChain } | { readonly missing: string }> {
  const signers = pool.filter(({ subject }) => subject.commonName === intelNames.tcbSigning);
  const signer = bestAt(signers, at);
  if (signer === undefined) return { missing: `no certificate of ${intelNames.tcbSigning}` };
  const root = await issuerOf(signer, pool, at);
  if (root === undefined) return { missing: `no certificate of ${signer.issuer.commonName}` };
  return { chain: [signer, root] };
}

/**
 * Intel issues certificates anew for the same key. One that is valid at the time is meant, and of those the latest: the first
 * certificate of the root allows no authorities below it although there were some.
 */
function bestAt(candidates: readonly Certificate[], at: number): Certificate | undefined {
  const latest = candidates.toSorted((a, b) => b.notBefore - a.notBefore);
  return latest.find(({ notBefore, notAfter }) => notBefore <= at && at <= notAfter) ?? latest[0];
}

/** Certificates of one name and different keys that are tried; each costs a signature check. */
const maxCandidates = 4;

async function issuerOf(
  certificate: Certificate,
  pool: readonly Certificate[],
  at: number,
): Promise<Certificate | undefined> {
  const named = pool.filter(({ subject }) => compareBytes(subject.encoded, certificate.issuer.encoded) === 0);
  const [first] = named;
  if (first === undefined) return undefined;
  const sameKey = (one: Certificate) => (other: Certificate) =>
    compareBytes(one.publicKey, other.publicKey) === 0;
  if (named.every(sameKey(first))) return bestAt(named, at);
  // Look-alikes carry the names of the genuine ones: then the key that signed tells, and the first when none did, to be judged.
  const distinct = named.filter((one, index) => named.findIndex(sameKey(one)) === index);
  for (const candidate of distinct.slice(0, maxCandidates)) {
    const key = await importPublicKey(candidate.publicKey, candidate.keyKind);
    const fits = key !== undefined && certificate.signatureAlgorithm.key === candidate.keyKind;
    if (fits && (await verifySignature(certificate, key)))
      return bestAt(named.filter(sameKey(candidate)), at);
  }
  return first;
}
