// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

import { aesCtr, deriveSessionKeys, hmacSha256Of, importHmacKey, u32 } from './key-derivation.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Keys that a guest's owner hands to the firmware: one encrypts secrets, one authenticates measurements and secrets. 16 bytes each. */
export interface TransportKeys {
  readonly encryption: Uint8Array;
  readonly integrity: Uint8Array;
}

/** Session parameters of LAUNCH_START (SEV API specification, section 6.2), QEMU's `session-file`. */
export const sessionLayout = {
  nonce: [0, 16],
  wrappedKeys: [16, 48],
  iv: [48, 64],
  wrapMac: [64, 96],
  policyMac: [96, 128],
} as const;
export const sessionLength = 128;

/** What a session is made of. `nonce` and `iv` have 16 bytes. */
export interface SessionToWrap {
  /** 48 bytes. */
  readonly sharedSecret: Uint8Array;
  readonly nonce: Uint8Array;
  readonly iv: Uint8Array;
  readonly keys: TransportKeys;
  readonly policy: number;
}

/** Encrypts TEK and TIK for the platform whose PDH the secret was agreed with, and authenticates them and the policy. 128 bytes. */
export async function wrapSession({ sharedSecret, nonce, iv, keys, policy }: SessionToWrap): Promise<Bytes> {
  const { encryption, integrity } = await deriveSessionKeys(sharedSecret, nonce);
  const wrapped = await aesCtr(encryption, iv, concatBytes(keys.encryption, keys.integrity));
  return concatBytes(
    nonce,
    wrapped,
    iv,
    await hmacSha256Of(integrity, wrapped),
    await hmacSha256Of(await importHmacKey(keys.integrity, ['sign']), u32(policy)),
  );
}
