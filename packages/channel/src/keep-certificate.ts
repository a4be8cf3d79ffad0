// SPDX-License-Identifier: Apache-2.0
import { formatKeepId } from '@enarx/protocol';

import { makeCertificate, type OwnCertificate } from './certificate.ts';

/** Milliseconds by which clocks may differ: the host sets the clock of a Keep, and nobody's safety rests on it. */
const clockSkew = 86_400_000;
/** A Keep delivers once, soon. Its owner may come back later; what counts then is the key, which new evidence binds again. */
const validity = 86_400_000;

/**
 * The key of a Keep, made in the TEE and kept in memory only, with its one-use certificate. The key is as old as the Keep
 * and dies with it.
 *
 * @param at - milliseconds since 1970
 */
export function createKeepCertificate(keepId: Uint8Array, at: number = Date.now()): Promise<OwnCertificate> {
  const name = formatKeepId(keepId);
  return makeCertificate({
    commonName: `Enarx Keep ${name}`,
    dnsName: `${name}.keep.enarx.invalid`,
    usage: 'serverAuth',
    notBefore: at - clockSkew,
    notAfter: at + validity + clockSkew,
  });
}
