// SPDX-License-Identifier: Apache-2.0

/** What is known of the revocation of a chain. */
export interface Revocation {
  /**
   * - `good`: a list that the root signed, fresh at the time of verification, names no certificate of the chain.
   * - `bad`: there is a list of this root, and one of its checks failed; such evidence is never verified.
   * - `none`: no list of this root was given.
   */
  readonly status: 'good' | 'bad' | 'none';
  /** Of the newest list. */
  readonly crlNumber: bigint | undefined;
  /** Milliseconds since 1970, of the newest list. */
  readonly thisUpdate: number | undefined;
  readonly nextUpdate: number | undefined;
}
