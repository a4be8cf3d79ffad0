// SPDX-License-Identifier: Apache-2.0

/** What is kept of a certificate: its imported key and the SHA-256 of its SubjectPublicKeyInfo. */
export interface CachedKey {
  readonly key: CryptoKey;
  readonly digest: Uint8Array;
}

/**
 * Keys of certificates whose signature was verified, by all bytes of the certificate and of its issuer's key. It holds
 * keys, never verdicts: anchors, validity, names, revocation and the evidence itself are looked at each time.
 */
export class KeyCache {
  readonly #capacity: number;
  readonly #keys = new Map<string, CachedKey>();

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
}
