// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

import { aesCtr, hmacSha256Of, u32 } from './key-derivation.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What LAUNCH_SECRET takes (QMP `sev-inject-launch-secret`: `packet-header` and `secret`). */
export interface SecretPacket {
  /** 52 bytes: flags 4, initialization vector 16, HMAC-SHA256 32. */
  readonly header: Uint8Array;
  /** Encrypted, as long as the plain text. */
  readonly payload: Uint8Array;
}

export const packetHeaderLength = 52;
/** Where the parts of a header stand. */
export const packetLayout = { flags: [0, 4], iv: [4, 20], mac: [20, 52] } as const;

/** TEK and TIK, as keys for what they are for. */
export interface PacketKeys {
  readonly encryption: CryptoKey;
  readonly integrity: CryptoKey;
}

/**
 * Bytes under the HMAC of a packet (SEV API specification, section 6.6). From API 0.17 on the launch's measurement is
 * among them, which binds a secret to one launch; older platforms are not offered secrets.
 */
export function authenticatedBytes(
  flags: number,
  iv: Uint8Array,
  payload: Uint8Array,
  measure: Uint8Array,
): Bytes {
  const length = u32(payload.length);
  return concatBytes(Uint8Array.of(0x01), u32(flags), iv, length, length, payload, measure);
}

/**
 * Seals a secret for one launch.
 * @param plain - whole blocks of 16 bytes
 * @param measure - the first 32 bytes of the launch's measurement
 * @param iv - 16 bytes, never used before with these keys
 */
export async function sealPacket(
  keys: PacketKeys,
  plain: Uint8Array,
  measure: Uint8Array,
  iv: Uint8Array,
): Promise<SecretPacket> {
  // Bit 0 would say that the payload is compressed, which nobody does.
  const flags = 0;
  const payload = await aesCtr(keys.encryption, iv, plain);
  const mac = await hmacSha256Of(keys.integrity, authenticatedBytes(flags, iv, payload, measure));
  return { header: concatBytes(u32(flags), iv, mac), payload };
}
