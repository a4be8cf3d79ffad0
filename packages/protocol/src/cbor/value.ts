// SPDX-License-Identifier: Apache-2.0

/**
 * What our messages are made of: integers of at most 64 bits, text, byte strings, arrays, maps, true, false and null. No
 * message has a tag or a floating-point number. Maps decode to `Map`, so that no key can reach a prototype.
 */
export type CborValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<CborValue, CborValue>
  | { readonly [key: string]: CborValue | undefined };

/** No message of this protocol nests deeper; a limit stops nesting bombs before they reach the stack. */
export const maxCborDepth = 16;
