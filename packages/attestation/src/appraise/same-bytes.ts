// SPDX-License-Identifier: Apache-2.0

/** Whether both are the same, looking at every byte whatever the first ones are, so that time tells nothing. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0);
  return difference === 0;
}
