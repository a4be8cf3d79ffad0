// SPDX-License-Identifier: Apache-2.0
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';

import { makeCertificate, ownCertificate, type OwnCertificate } from './certificate.ts';
import { channelProblem } from './problems.ts';
import { keyDigest } from './public-key.ts';

/** A client's own key. Whoever delivers with it owns the Keep, and nobody without it may come back. */
export type ClientIdentity = OwnCertificate;

/** Milliseconds. A Keep does not look at the dates, other servers in between would. */
const day = 86_400_000;
const validity = 3650 * day;
const largestFile = 16_384;

/** Makes a new identity; nothing is written anywhere. @param at - milliseconds since 1970 */
export function createIdentity(at: number = Date.now()): Promise<ClientIdentity> {
  return makeCertificate({
    commonName: 'Enarx client',
    dnsName: 'client.enarx.invalid',
    usage: 'clientAuth',
    notBefore: at - day,
    notAfter: at + validity,
  });
}

/** PEM: the private key (PKCS #8, not encrypted), then the certificate. Keep it as secret as what it owns. */
export function exportIdentity({ key, certificate }: ClientIdentity): string {
  return `${key}${certificate}`;
}

/**
 * Reads what `exportIdentity` wrote.
 * @throws EnarxError `channel/identity-invalid`
 */
export function importIdentity(pem: string): ClientIdentity {
  if (pem.length > largestFile) throw invalid(`${String(pem.length)} bytes`);
  let identity: ClientIdentity | undefined;
  try {
    const privateKey = createPrivateKey(pem);
    const publicKey = createPublicKey(privateKey);
    const certificate = new X509Certificate(pem);
    if (keyDigest(publicKey) !== undefined && certificate.checkPrivateKey(privateKey))
      identity = ownCertificate(privateKey, publicKey, certificate.toString());
  } catch (cause) {
    throw channelProblem('channel/identity-invalid', { found: 'no key or no certificate', cause });
  }
  if (identity === undefined) throw invalid('a key of another sort, or a certificate of another key');
  return identity;
}

function invalid(found: string): Error {
  return channelProblem('channel/identity-invalid', { found });
}
