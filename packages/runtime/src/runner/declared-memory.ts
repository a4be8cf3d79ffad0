// SPDX-License-Identifier: Apache-2.0

/** What a module says about its memory in its memory section (WebAssembly core specification 5.5.8). */
export interface DeclaredMemory {
  /** Memories that the module defines itself. */
  readonly count: number;
  /** Pages of 64 KiB that the first one starts with. */
  readonly initialPages: number;
  /** Whether it is addressed with 64 bits. */
  readonly wide: boolean;
}

const memorySection = 5;
const maximumFlag = 0x01;
const wideFlag = 0x04;
const knownFlags = 0x07;
const none: DeclaredMemory = { count: 0, initialPages: 0, wide: false };

/**
 * Reads the declaration from the bytes, because V8 does not tell it and refuses an initial size above its limit with an error that says
 * no more than that something is wrong. Bytes that make no sense count as no declaration: compiling names what is wrong with them.
 */
export function readDeclaredMemory(bytes: Uint8Array): DeclaredMemory {
  let at = 8;
  const leb = (): number => {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i += 1) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
    }
    return value;
  };
  while (at < bytes.length) {
    const id = bytes[at];
    at += 1;
    const size = leb();
    if (id !== memorySection) {
      at += size;
      continue;
    }
    const count = leb();
    if (count === 0) return none;
    const flags = leb();
    const initialPages = leb();
    if ((flags & ~knownFlags) !== 0) return { ...none, count: 2 };
    if ((flags & maximumFlag) !== 0) leb();
    return { count, initialPages, wide: (flags & wideFlag) !== 0 };
  }
  return none;
}
