// SPDX-License-Identifier: Apache-2.0
import type { ApiVersion } from './certificate.ts';

/**
 * What a SEV platform's certificates say. It is no evidence of any guest: only who can open a session's keys. That a
 * guest is the right one shows later, from its launch measurement and from its owning a secret.
 */
export interface SevClaims {
  readonly format: 'sev';
  /** Version of the SEV API that the platform had when it made its Diffie-Hellman key. */
  readonly api: ApiVersion;
  /** The platform's Diffie-Hellman key on P-384: 04 ‖ X ‖ Y, 97 bytes. */
  readonly pdh: Uint8Array;
  /** SHA-256 over the chip endorsement key as AMD writes it (1028 bytes): the same for one processor always. */
  readonly chip: Uint8Array;
  /** SHA-256 over the key of the platform's owner (OCA), in the same form: whoever owns it can migrate guests that allow it. */
  readonly owner: Uint8Array;
}
