// SPDX-License-Identifier: Apache-2.0
import { compareBytes, toHex } from '@enarx/protocol';

import type { Certificate } from './certificate.ts';
import type { RevocationList } from './crl.ts';

/** What is kept of a certificate: its imported key and the SHA-256 of its SubjectPublicKeyInfo. */
export interface CachedKey {
  readonly key: CryptoKey;
  readonly digest: Uint8Array;
}

/** What some bytes were read as. Nothing of it is proven. */
export interface Reading {
  readonly certificates: readonly Certificate[];
  readonly revocationLists: readonly RevocationList[];
}

/**
 * Keys of certificates whose signature was verified, by all bytes of the certificate and of its issuer's key, and which other
 * bytes such a key was found to have signed: revocation lists and a vendor's collateral; and what bytes were read as. It holds what cannot change, never
 * verdicts: anchors, validity, names, revocation and the evidence itself are looked at each time.
 */
export class KeyCache {
  readonly #capacity: number;
  readonly #keys = new Map<string, CachedKey>();
  readonly #signed = new Set<string>();
  readonly #readings = new Map<string, { readonly bytes: Uint8Array; readonly reading: Reading }>();

  /** @param capacity - most keys held; the least recently used goes first */
  constructor(capacity = 1024) {
    this.#capacity = capacity;
  }

  get(name: string): CachedKey | undefined {
    const key = this.#keys.get(name);
    if (key === undefined) return undefined;
    this.#keys.delete(name);
    this.#keys.set(name, key);
    return key;
  }

  set(name: string, key: CachedKey): void {
    this.#keys.set(name, key);
    if (this.#keys.size > this.#capacity) this.#keys.delete(this.#keys.keys().next().value as string);
  }

  /** @param name - all bytes of key, signature and what is signed */
  knowsSignature(name: string): boolean {
    return this.#signed.delete(name) && this.#signed.add(name).size > 0;
  }

  addSignature(name: string): void {
    this.#signed.add(name);
    if (this.#signed.size > this.#capacity) this.#signed.delete(this.#signed.keys().next().value as string);
  }

  /** What exactly these bytes were read as. */
  readingOf(bytes: Uint8Array): Reading | undefined {
    const known = this.#readings.get(fingerprintOf(bytes));
    return known !== undefined && compareBytes(known.bytes, bytes) === 0 ? known.reading : undefined;
  }

  /** @param bytes - nobody's to change */
  addReading(bytes: Uint8Array, reading: Reading): void {
    this.#readings.set(fingerprintOf(bytes), { bytes, reading });
    if (this.#readings.size > this.#capacity)
      this.#readings.delete(this.#readings.keys().next().value as string);
  }
}

/**
 * Length and the end, which of certificates is the signature. Whoever makes two that share it makes one push the other out: all bytes are
 * compared.
 */
function fingerprintOf(bytes: Uint8Array): string {
  return `${String(bytes.length)}:${toHex(bytes.subarray(-8))}`;
}
