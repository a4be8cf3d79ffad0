// SPDX-License-Identifier: Apache-2.0

/**
 * Keys of certificates whose signature was verified, by digest of certificate and issuer key. It holds keys, never
 * verdicts: validity, names, revocation and the evidence itself are looked at each time.
 */
export class KeyCache {
  readonly #capacity: number;
  readonly #keys = new Map<string, CryptoKey>();

  /** @param capacity - most keys held; the least recently used goes first */
  constructor(capacity = 1024) {
    this.#capacity = capacity;
  }

  get(name: string): CryptoKey | undefined {
    const key = this.#keys.get(name);
    if (key === undefined) return undefined;
    this.#keys.delete(name);
    this.#keys.set(name, key);
    return key;
  }

  set(name: string, key: CryptoKey): void {
    this.#keys.set(name, key);
    if (this.#keys.size > this.#capacity) this.#keys.delete(this.#keys.keys().next().value as string);
  }
}
