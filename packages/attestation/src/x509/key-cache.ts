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
  readonly #keys: Recent<CachedKey>;
  readonly #signed: Recent<true>;
  readonly #readings = new Map<string, { readonly bytes: Uint8Array; readonly reading: Reading }>();

  /** @param capacity - most keys held; the least recently used goes first */
  constructor(capacity = 1024) {
    this.#capacity = capacity;
    this.#keys = new Recent(capacity);
    this.#signed = new Recent(capacity);
  }

  get(name: string): CachedKey | undefined {
    return this.#keys.get(name);
  }

  set(name: string, key: CachedKey): void {
    this.#keys.set(name, key);
  }

  /** @param name - all bytes of key, signature and what is signed */
  knowsSignature(name: string): boolean {
    return this.#signed.get(name) !== undefined;
  }

  addSignature(name: string): void {
    this.#signed.set(name, true);
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

/** What has names, the least recently used first; that goes when there are too many, or too long ones. */
class Recent<V> {
  readonly #capacity: number;
  readonly #held = new Map<string, V>();
  #length = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(name: string): V | undefined {
    const value = this.#held.get(name);
    if (value === undefined) return undefined;
    this.#held.delete(name);
    this.#held.set(name, value);
    return value;
  }

  set(name: string, value: V): void {
    if (!this.#held.has(name)) this.#length += name.length;
    this.#held.set(name, value);
    for (const [oldest] of this.#held) {
      if (this.#held.size <= this.#capacity && this.#length <= longestNames) return;
      this.#held.delete(oldest);
      this.#length -= oldest.length;
    }
  }
}

/** Characters of all names. Anybody can sign lists of 256 KiB under a root of their own, a thousand of which would fill the memory. */
const longestNames = 16_777_216;

/**
 * Length and the end, which of certificates is the signature. Whoever makes two that share it makes one push the other out: all bytes are
 * compared.
 */
function fingerprintOf(bytes: Uint8Array): string {
  return `${String(bytes.length)}:${toHex(bytes.subarray(-8))}`;
}
