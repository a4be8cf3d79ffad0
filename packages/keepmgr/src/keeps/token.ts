// SPDX-License-Identifier: Apache-2.0
import { createHash, timingSafeEqual } from 'node:crypto';

/** What is kept of a loader's token, 32 bytes: enough to know it again, useless to whoever reads the disk. */
export function tokenDigest(token: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(token).digest());
}

export function isToken(token: Uint8Array, digest: Uint8Array): boolean {
  return timingSafeEqual(tokenDigest(token), digest);
}
