// SPDX-License-Identifier: Apache-2.0

/**
 * Sees every message that crosses a socket of the client's, with the name of its rule in enarx.cddl (`problem` for
 * problem details). For tests and for a record of what left this machine; bulk data (module, stdin, output) has no rule
 * and comes with the name of its frame kind and is not copied: a tap must not keep the bytes.
 */
export type Tap = (direction: 'sent' | 'received', rule: string, bytes: Uint8Array) => void;
