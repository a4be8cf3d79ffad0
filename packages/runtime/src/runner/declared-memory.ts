// SPDX-License-Identifier: Apache-2.0

/** What a module says about its memory in its memory section (WebAssembly core specification 5.5.8). */
export interface DeclaredMemory {
  /** Memories that the module defines itself. */
  readonly count: number;
  /** Pages of 64 KiB that the first one starts with. */
  readonly initialPages: number;
  /** Pages that it may grow to, where it says so. */
  readonly mostPages: number | undefined;
  /** Whether it is addressed with 64 bits. */
  readonly wide: boolean;
  /** Where the section lies, if there is one. */
  readonly section: MemorySection | undefined;
}

/** Offsets in the module: where the section begins, its content, its flags, and the largest size after them; and where it ends. */
export interface MemorySection {
  readonly at: number;
  readonly content: number;
  readonly flags: number;
  readonly most: number;
  readonly rest: number;
  readonly end: number;
}

const memorySection = 5;
const maximumFlag = 0x01;
const wideFlag = 0x04;
const knownFlags = 0x07;
const none: DeclaredMemory = {
  count: 0,
  initialPages: 0,
  mostPages: undefined,
  wide: false,
  section: undefined,
};

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
  let found = none;
  while (at < bytes.length) {
    const begin = at;
    const id = bytes[at];
    at += 1;
    const size = leb();
    const content = at;
    const end = content + size;
    if (id === memorySection) {
      const count = leb();
      const flags = at;
      const flag = bytes[at] ?? 0;
      at += 1;
      const initialPages = leb();
      const most = at;
      const mostPages = (flag & maximumFlag) === 0 ? undefined : leb();
      const section = { at: begin, content, flags, most, rest: at, end };
      // A second section is one memory too many, wherever V8 sees the fault.
      const known = (flag & ~knownFlags) === 0 && found.section === undefined;
      if (count > 0)
        found = { count: known ? count : 2, initialPages, mostPages, wide: (flag & wideFlag) !== 0, section };
    }
    at = end;
  }
  return found;
}
