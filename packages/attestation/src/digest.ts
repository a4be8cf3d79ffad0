// SPDX-License-Identifier: Apache-2.0

type Digest = Uint8Array<ArrayBuffer>;

/** SHA-256 (FIPS 180-4), 32 bytes. */
export function sha256(bytes: Uint8Array): Promise<Digest> {
  return digest('SHA-256', bytes);
}

/** SHA-384 (FIPS 180-4), 48 bytes. */
export function sha384(bytes: Uint8Array): Promise<Digest> {
  return digest('SHA-384', bytes);
}

async function digest(algorithm: string, bytes: Uint8Array): Promise<Digest> {
  return new Uint8Array(await crypto.subtle.digest(algorithm, bytes as Digest));
}
