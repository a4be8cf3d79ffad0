// SPDX-License-Identifier: Apache-2.0
import type { KeyCache } from '../x509/key-cache.ts';
import { signatureName } from '../x509/signature.ts';
import type { SignedText } from './documents.ts';

/**
 * Whether `key` signed the bytes, ECDSA P-256 with SHA-256, r and s one after the other. What is known to be signed is not asked
 * again: a QE report and a TCB info serve for many quotes.
 * @param keyBytes - any encoding of `key`, always the same
 */
export async function signedBy(
  key: CryptoKey,
  keyBytes: Uint8Array,
  signed: SignedText,
  keys: KeyCache,
): Promise<boolean> {
  const name = signatureName(signed, keyBytes);
  if (keys.knowsSignature(name)) return true;
  const good = await verifyP256(key, signed.signature, signed.toBeSigned);
  if (good) keys.addSignature(name);
  return good;
}

export function verifyP256(key: CryptoKey, signature: Uint8Array, signed: Uint8Array): Promise<boolean> {
  return crypto.subtle.verify(
    { name: 'ECDSA', hash: 'SHA-256' },
    key,
    signature as Uint8Array<ArrayBuffer>,
    signed as Uint8Array<ArrayBuffer>,
  );
}

/** @param point - x and y, 64 bytes @returns `undefined` when it is not on the curve */
export async function importPoint(point: Uint8Array): Promise<CryptoKey | undefined> {
  const uncompressed = new Uint8Array(65);
  uncompressed[0] = 4;
  uncompressed.set(point, 1);
  try {
    return await crypto.subtle.importKey('raw', uncompressed, { name: 'ECDSA', namedCurve: 'P-256' }, false, [
      'verify',
    ]);
  } catch {
    return undefined;
  }
}
