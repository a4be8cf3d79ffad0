// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import { failed, notApplicable, outcomeOf, reasonOf, type Outcome } from '../checks.ts';
import type { Certificate } from '../x509/certificate.ts';
import { checkRevocation, type Revocation, type RevocationToCheck } from '../x509/revocation.ts';
import type { KeyCache } from '../x509/key-cache.ts';
import type { PckChain } from './path.ts';
import { intelNames, readPlatform, type Platform } from './pck.ts';

/** What the PCK certificate says of its platform, or why it cannot be read. */
export type PlatformReading = { readonly platform: Platform } | { readonly unreadable: string };

export function tryReadPlatform(certificate: Certificate): PlatformReading {
  let reading = readings.get(certificate);
  if (reading === undefined) readings.set(certificate, (reading = readAnew(certificate)));
  return reading;
}

/** Certificates that a cache keeps are read once. */
const readings = new WeakMap<Certificate, PlatformReading>();

function readAnew(certificate: Certificate): PlatformReading {
  try {
    return { platform: readPlatform(certificate) };
  } catch (error) {
    return { unreadable: reasonOf(error) };
  }
}

/** Any other of Intel’s certificates vouches for something else than a platform’s quoting enclaves. */
export function checkPckCertificate([pck, , root]: PckChain, reading: PlatformReading): Outcome {
  if ('unreadable' in reading) return failed(reading.unreadable);
  const failures: string[] = [];
  if (pck.keyKind !== 'p256') failures.push('the certified key is not P-256');
  if (pck.basicConstraints?.ca === true) failures.push('it is an authority');
  if (pck.keyUsage?.digitalSignature !== true) failures.push('its key is not for signing');
  if (root.subject.commonName !== intelNames.root)
    failures.push(`the root is ${root.subject.commonName}, expected ${intelNames.root}`);
  const { fmspc, authority } = reading.platform;
  return outcomeOf(failures, `FMSPC ${toHex(fmspc)}, under the ${authority} authority`);
}

/**
 * The list of the authority that issued the PCK certificate; x509/revocation-list and x509/not-revoked are about the root’s.
 * @param issuerKey - once all signatures down to the authority’s are good
 */
export async function checkPckRevocation(
  [pck, authority]: PckChain,
  revocationLists: RevocationToCheck['revocationLists'],
  at: number,
  issuerKey: CryptoKey | undefined,
  keys: KeyCache,
): Promise<{ readonly outcome: Outcome; readonly revocation: Revocation }> {
  const { list, notRevoked, revocation } = await checkRevocation(
    { chain: [pck, authority], revocationLists, at, knownRevoked: () => undefined },
    issuerKey,
    undefined,
    keys,
  );
  if (list.status === 'not-applicable') return { outcome: notApplicable(list.detail), revocation };
  const failures = [list, notRevoked].filter(({ status }) => status === 'fail').map(({ detail }) => detail);
  return { outcome: outcomeOf(failures, list.detail), revocation };
}
