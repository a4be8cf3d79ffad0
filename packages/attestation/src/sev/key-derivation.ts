// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

type Bytes = Uint8Array<ArrayBuffer>;

/** Length in bytes of every derived key, of TEK and TIK, of nonces and of initialization vectors. */
export const sevKeyLength = 16;

const hmacSha256 = { name: 'HMAC', hash: 'SHA-256' } as const;

/** @param usages - what the key is for */
export function importHmacKey(key: Uint8Array, usages: readonly ('sign' | 'verify')[]): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', key as Bytes, hmacSha256, false, [...usages]);
}

export function importAesCtrKey(
  key: Uint8Array,
  usages: readonly ('encrypt' | 'decrypt')[],
): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', key as Bytes, { name: 'AES-CTR' }, false, [...usages]);
}

/** AES-128-CTR with the whole block as counter. Encrypting and decrypting are the same. */
export async function aesCtr(key: CryptoKey, iv: Uint8Array, bytes: Uint8Array): Promise<Bytes> {
  const parameters = { name: 'AES-CTR', counter: iv as Bytes, length: 128 };
  return new Uint8Array(await crypto.subtle.encrypt(parameters, key, bytes as Bytes));
}

export async function hmacSha256Of(key: CryptoKey, bytes: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes as Bytes));
}

/**
 * Key derivation in counter mode (NIST SP 800-108) as the SEV API specification, section 2.4.3, has it: one block of
 * HMAC-SHA256 over counter ‖ label ‖ 00 ‖ context ‖ length in bits, cut to 16 bytes. Counter and length are little-endian,
 * unlike elsewhere.
 */
export async function deriveSevKey(
  key: Uint8Array,
  label: string,
  context: Uint8Array = new Uint8Array(),
): Promise<Bytes> {
  const input = concatBytes(
    Uint8Array.of(1, 0, 0, 0),
    new TextEncoder().encode(label),
    Uint8Array.of(0),
    context,
    Uint8Array.of(8 * sevKeyLength, 0, 0, 0),
  );
  const block = await hmacSha256Of(await importHmacKey(key, ['sign']), input);
  return block.slice(0, sevKeyLength);
}

/** Keys that protect the transport of TEK and TIK: one encrypts, one authenticates. */
export interface SessionKeys {
  readonly encryption: CryptoKey;
  readonly integrity: CryptoKey;
}

/**
 * KEK and KIK of a session.
 * @param sharedSecret - X of the agreed point, big-endian, 48 bytes: what WebCrypto's ECDH gives
 * @param nonce - 16 bytes, from the guest's owner
 */
export async function deriveSessionKeys(sharedSecret: Uint8Array, nonce: Uint8Array): Promise<SessionKeys> {
  const master = await deriveSevKey(sharedSecret, 'sev-master-secret', nonce);
  const [kek, kik] = await Promise.all([deriveSevKey(master, 'sev-kek'), deriveSevKey(master, 'sev-kik')]);
  const [encryption, integrity] = await Promise.all([
    importAesCtrKey(kek, ['encrypt', 'decrypt']),
    importHmacKey(kik, ['sign', 'verify']),
  ]);
  return { encryption, integrity };
}

/** Key agreement on P-384: 48 bytes. Whoever imports a foreign key does so with WebCrypto, which refuses points off the curve. */
export async function agreeOnSecret(privateKey: CryptoKey, publicKey: CryptoKey): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'ECDH', public: publicKey }, privateKey, 384));
}

/** The 4 bytes of a number, little-endian. */
export function u32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
