// SPDX-License-Identifier: Apache-2.0

/** An unsigned number as LEB128 (WebAssembly core specification 5.2.2). */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}
