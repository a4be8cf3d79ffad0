// SPDX-License-Identifier: Apache-2.0
import type { Revocation } from '../x509/revocation.ts';

/** What an AWS Nitro attestation document says, for a policy to look at. */
export interface NitroClaims {
  readonly format: 'nitro';
  /** `i-…-enc…`: the instance, and the enclave on it. */
  readonly moduleId: string;
  /** When the hypervisor made the document, in milliseconds since 1970. */
  readonly timestamp: number;
  /** Milliseconds from then to the time of verification; negative when the clocks differ. */
  readonly age: number;
  /** By number, 0 to 31. */
  readonly pcrs: Readonly<Record<number, Uint8Array>>;
  /** The enclave runs in debug mode: its console is open and PCR0 to PCR2 are all zero, whatever runs in it. */
  readonly debug: boolean;
  /** What the enclave asked to have put in. An empty string is not the same as none. */
  readonly publicKey: Uint8Array | undefined;
  readonly userData: Uint8Array | undefined;
  readonly nonce: Uint8Array | undefined;
  readonly revocation: Revocation;
}
