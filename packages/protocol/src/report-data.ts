// SPDX-License-Identifier: Apache-2.0
import { encodeCbor } from './cbor.ts';

/** What the owner is about to do on the connection whose Keep is being proved. */
export const purposes = ['deliver', 'attach', 'verify'] as const;
export type Purpose = (typeof purposes)[number];

/** Both ends compute this from their own side of one TLS connection, never from what the other side says. */
export interface Binding {
  /** 32 bytes, fresh from the verifier. */
  readonly nonce: Uint8Array;
  /** SHA-256 of the Keep's SubjectPublicKeyInfo (DER). */
  readonly keepKey: Uint8Array;
  /** SHA-256 of the client's SubjectPublicKeyInfo (DER). */
  readonly clientKey: Uint8Array;
  /** 32 bytes of TLS exporter (RFC 8446 section 7.5), label {@link exporterLabel}, empty context. */
  readonly exporter: Uint8Array;
  /** 16 bytes. */
  readonly keepId: Uint8Array;
  readonly purpose: Purpose;
}

export const bindingDomain = 'enarx/attest/1';
export const exporterLabel = 'EXPORTER-enarx-attest-1';
export const exporterLength = 32;

/**
 * The 64 bytes of report data that bind evidence to one connection: SHA-512 over the deterministic CBOR of
 * `["enarx/attest/1", nonce, keep key, client key, exporter, keep id, purpose]` (rule `binding` of enarx.cddl).
 * The exporter makes evidence useless on any other connection (relay), the two keys name both ends (diversion),
 * the nonce makes it fresh (replay), and the purpose keeps an answer to one question from answering another.
 */
export async function reportData(binding: Binding): Promise<Uint8Array<ArrayBuffer>> {
  const { nonce, keepKey, clientKey, exporter, keepId, purpose } = binding;
  const preimage = encodeCbor([bindingDomain, nonce, keepKey, clientKey, exporter, keepId, purpose]);
  return new Uint8Array(await crypto.subtle.digest('SHA-512', preimage));
}
