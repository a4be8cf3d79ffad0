// SPDX-License-Identifier: Apache-2.0
import { createPrivateKey, type KeyObject } from 'node:crypto';

import { formatKeepId } from '@enarx/protocol';

import { makeCertificate, type OwnCertificate } from './certificate.ts';
import { channelProblem } from './problems.ts';

/** Milliseconds by which clocks may differ: the host sets the clock of a Keep, and nobody's safety rests on it. */
const clockSkew = 86_400_000;
/** A year: a program may serve for long, and clients that know the Keep's key by its digest may look at dates as well. For its owner only the key counts. */
const validity = 31_536_000_000;

/**
 * The key of a Keep, made in the TEE and kept in memory only, with its one-use certificate. The key is as old as the Keep
 * and dies with it.
 *
 * @param at - milliseconds since 1970
 * @param key - the Keep's private key where its owner has made it: P-256, PKCS #8, DER
 * @throws EnarxError `channel/key-invalid`
 */
export async function createKeepCertificate(
  keepId: Uint8Array,
  at: number = Date.now(),
  key?: Uint8Array,
): Promise<OwnCertificate> {
  const name = formatKeepId(keepId);
  return makeCertificate(
    {
      commonName: `Enarx Keep ${name}`,
      dnsName: `${name}.keep.enarx.invalid`,
      usage: 'serverAuth',
      notBefore: at - clockSkew,
      notAfter: at + validity + clockSkew,
    },
    key === undefined ? undefined : readKey(key),
  );
}

function readKey(der: Uint8Array): KeyObject {
  try {
    const key = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch (cause) {
    throw channelProblem('channel/key-invalid', { found: `${String(der.length)} bytes`, cause });
  }
  throw channelProblem('channel/key-invalid', { found: 'a key of another sort' });
}
