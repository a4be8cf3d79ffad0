// SPDX-License-Identifier: Apache-2.0
import { readDer } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readInteger } from '../der/values.ts';
import type { KeyKind } from './algorithms.ts';
import type { KeyCache } from './key-cache.ts';
import type { Signed } from './signed.ts';

const importParameters: Readonly<Record<KeyKind, RsaHashedImportParams | EcKeyImportParams>> = {
  rsa: { name: 'RSA-PSS', hash: 'SHA-384' },
  p256: { name: 'ECDSA', namedCurve: 'P-256' },
  p384: { name: 'ECDSA', namedCurve: 'P-384' },
};

/**
 * The key of a certificate, for verifying.
 * @param publicKey - SubjectPublicKeyInfo that `keyKindOf` let pass
 * @returns `undefined` when it is none, a point off its curve for example
 */
export async function importPublicKey(publicKey: Uint8Array, kind: KeyKind): Promise<CryptoKey | undefined> {
  try {
    return await crypto.subtle.importKey(
      'spki',
      publicKey as Uint8Array<ArrayBuffer>,
      importParameters[kind],
      true,
      ['verify'],
    );
  } catch {
    return undefined;
  }
}

/** Whether `key` signed it. Malformed signatures are no signatures. */
export async function verifySignature(signed: Signed, key: CryptoKey): Promise<boolean> {
  const { signatureAlgorithm: algorithm, signature, toBeSigned } = signed;
  const encoded =
    algorithm.key === 'rsa' ? signature : fixedLengthSignature(signature, coordinate[algorithm.key]);
  if (encoded === undefined) return false;
  return crypto.subtle.verify(
    algorithm.verifyParameters,
    key,
    encoded as Uint8Array<ArrayBuffer>,
    toBeSigned as Uint8Array<ArrayBuffer>,
  );
}

/**
 * The same, without asking the key again for what it is known to have signed. Only good signatures are remembered, under all
 * bytes that decide.
 * @param publicKey - SubjectPublicKeyInfo of `key`
 */
export async function verifySignatureOnce(
  signed: Signed,
  key: CryptoKey,
  publicKey: Uint8Array,
  keys: KeyCache | undefined,
): Promise<boolean> {
  if (keys === undefined) return verifySignature(signed, key);
  const name = signatureName(signed, publicKey);
  if (keys.knowsSignature(name)) return true;
  const good = await verifySignature(signed, key);
  if (good) keys.addSignature(name);
  return good;
}

const names = new WeakMap<object, { readonly publicKey: Uint8Array; readonly name: string }>();

/** All bytes that decide. Kept with what was read before: spelling them out takes time. */
export function signatureName(
  signed: Pick<Signed, 'signature' | 'toBeSigned'>,
  publicKey: Uint8Array,
): string {
  const known = names.get(signed);
  if (known?.publicKey === publicKey) return known.name;
  const name = [publicKey, signed.signature, signed.toBeSigned].map(exactly).join('|');
  names.set(signed, { publicKey, name });
  return name;
}

const latin1 = new TextDecoder('latin1');
/** One string for one byte sequence. Caches compare whole certificates and lists: no digest that could collide. */
export const exactly = (bytes: Uint8Array): string => `${String(bytes.length)}:${latin1.decode(bytes)}`;

const coordinate = { p256: 32, p384: 48 } as const;

/** ECDSA signatures are DER in certificates (RFC 3279 section 2.2.3) and two numbers of fixed length in WebCrypto. */
function fixedLengthSignature(der: Uint8Array, length: number): Uint8Array | undefined {
  let numbers: readonly [bigint, bigint];
  try {
    const pair = readDer(der, tags.sequence).reader();
    numbers = [readInteger(pair.next(tags.integer)), readInteger(pair.next(tags.integer))];
    pair.end();
  } catch {
    return undefined;
  }
  const bytes = new Uint8Array(2 * length);
  for (const [index, number] of numbers.entries()) {
    if (number <= 0n || number >= 1n << BigInt(8 * length)) return undefined;
    let left = number;
    for (let at = (index + 1) * length - 1; at >= index * length; at -= 1, left >>= 8n)
      bytes[at] = Number(left & 0xffn);
  }
  return bytes;
}
