// SPDX-License-Identifier: Apache-2.0
import type { GuestMemory } from './memory.ts';

/** Arguments or environment in the form in which programs ask for them: pointers, and the strings each ended by NUL. */
export class StringTable {
  readonly #strings: readonly Uint8Array[];
  readonly #size: number;

  constructor(strings: readonly string[]) {
    const encoder = new TextEncoder();
    this.#strings = strings.map((string) => encoder.encode(`${string}\0`));
    this.#size = this.#strings.reduce((sum, string) => sum + string.length, 0);
  }

  sizes(memory: GuestMemory, countPointer: number, sizePointer: number): void {
    memory.setU32(countPointer, this.#strings.length);
    memory.setU32(sizePointer, this.#size);
  }

  get(memory: GuestMemory, pointers: number, strings: number): void {
    // As a whole, before anything is written: past the end of 4 GiB the next address would be the first.
    memory.check(pointers, 4 * this.#strings.length);
    memory.check(strings, this.#size);
    let pointer = pointers >>> 0;
    let at = strings >>> 0;
    for (const string of this.#strings) {
      memory.setU32(pointer, at);
      memory.setBytes(at, string);
      pointer += 4;
      at += string.length;
    }
  }
}
