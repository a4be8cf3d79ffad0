// SPDX-License-Identifier: Apache-2.0
import { createHash, type KeyObject } from 'node:crypto';

/** Curves on which a key may lie that has an end of the channel; the names are OpenSSL's. */
const curves: readonly (string | undefined)[] = ['prime256v1', 'secp384r1'];

/**
 * What stands for a key in report data and as an owner: SHA-256 over its SubjectPublicKeyInfo, 32 bytes. Only keys on the
 * two curves have one here, since for them every implementation writes the same DER.
 *
 * @returns `undefined` for a key of another sort
 */
export function keyDigest(key: KeyObject): Uint8Array | undefined {
  if (key.asymmetricKeyType !== 'ec' || !curves.includes(key.asymmetricKeyDetails?.namedCurve))
    return undefined;
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}
