// SPDX-License-Identifier: Apache-2.0
//
// As much of a module's sections as is needed to find out what its `_start` leads to (WebAssembly core specification 5.5).
import { reader, type Reader } from './module-reader.ts';

/** What V8 allows in one module. More is refused when it is compiled, and must cost nothing here. */
const mostFunctions = 1_000_000;
export const noFunction = 0xffff_ffff;
export const exportSection = 7;
const customSection = 0;
const longestName = 64;
/** Compilers write a few; more are not looked through for each pointer. */
const mostSegments = 64;
/** A part of the custom section `name`. */
const functionNames = 1;
const importSection = 2;
const functionSection = 3;
const elementSection = 9;
const codeSection = 10;
const dataSection = 11;

export interface Sections {
  readonly imported: number;
  readonly start: number;
  /** Of a Go program, which `_start` leads to by the table and a scheduler only. */
  readonly main: number | undefined;
  readonly exports: {
    readonly at: number;
    readonly content: number;
    readonly end: number;
    readonly count: number;
  };
  /** Where the functions' section has its content. */
  readonly types: number;
  /** Where the section with the code begins. */
  readonly code: number;
  /** Where the sections are that follow the code. */
  readonly rest: number;
  /** Where each function begins; each reaches at most to the next one. */
  readonly bodies: Uint32Array;
  /** Functions by their place in table 0; {@link noFunction} where there is none. */
  readonly table: Uint32Array;
}

/** @returns `undefined` where there is no `_start` or the module is not understood */
export function readSections(module: Uint8Array): Sections | undefined {
  const read = reader(module, 8);
  let imported = 0;
  let exports: Sections['exports'] | undefined;
  let start: number | undefined;
  let isGo = false;
  let types = 0;
  let code = 0;
  let bodies: Uint32Array = new Uint32Array(0);
  let table: Uint32Array = new Uint32Array(0);
  while (read.at < module.length) {
    const at = read.at;
    const id = read.byte();
    const length = read.leb();
    const end = read.at + length;
    if (id === customSection) isGo ||= readName(read) === 'go:buildid';
    else if (id === importSection) imported = countImportedFunctions(read);
    else if (id === functionSection) types = read.at;
    else if (id === exportSection) {
      const count = read.leb();
      exports = { at, content: read.at, end, count };
      start = findStart(read, count);
    } else if (id === elementSection) table = readTable(read);
    else if (id === codeSection) {
      code = at;
      bodies = readBodies(module, read);
    }
    if (id === codeSection || read.failed) break;
    read.at = end;
  }
  if (read.failed || exports === undefined || start === undefined) return undefined;
  const main = isGo ? findNamed(module, read.at, 'main.main') : undefined;
  return { imported, start, main, exports, types, code, rest: read.at, bodies, table };
}

/** The function that has a name in the custom section for names, which follows the code. */
function findNamed(module: Uint8Array, from: number, name: string): number | undefined {
  const read = reader(module, from);
  const wanted = new TextEncoder().encode(name);
  while (read.at < module.length && !read.failed) {
    const id = read.byte();
    const end = read.leb() + read.at;
    if (id === customSection && readName(read) === 'name') {
      while (read.at < Math.min(end, module.length)) {
        const kind = read.byte();
        const next = read.leb() + read.at;
        if (kind === functionNames) return findIn(read, wanted);
        read.at = next;
      }
    }
    read.at = end;
  }
  return undefined;
}

/** The name of a custom section. One that is longer than any that is known here is cut. */
function readName(read: Reader): string {
  return read.text(Math.min(read.leb(), longestName));
}

function findIn(read: Reader, wanted: Uint8Array): number | undefined {
  for (let left = read.leb(); left > 0 && !read.failed; left -= 1) {
    const index = read.leb();
    const length = read.leb();
    const at = read.at;
    if (length === wanted.length && wanted.every((byte) => read.byte() === byte)) return index;
    read.at = at + length;
  }
  return undefined;
}

function countImportedFunctions(read: Reader): number {
  let functions = 0;
  for (let left = read.leb(); left > 0 && !read.failed; left -= 1) {
    read.skip(read.leb());
    read.skip(read.leb());
    // A module that imports anything but functions is refused anyway.
    if (read.byte() !== 0) read.failed = true;
    read.leb();
    functions += 1;
  }
  return functions;
}

function findStart(read: Reader, count: number): number | undefined {
  for (let left = count; left > 0 && !read.failed; left -= 1) {
    const name = read.text(read.leb());
    const kind = read.byte();
    const index = read.leb();
    if (name === '_start' && kind === 0) return index;
  }
  return undefined;
}

/** Active segments of table 0 at a constant offset, which is all that compilers write. Others end the reading, not the work. */
function readTable(read: Reader): Uint32Array {
  const segments: { readonly offset: number; readonly functions: Uint32Array }[] = [];
  let places = 0;
  for (let left = read.leb(); left > 0; left -= 1) {
    if (read.leb() !== 0 || read.byte() !== 0x41) break;
    const offset = read.leb();
    if (read.byte() !== 0x0b) break;
    const functions = read.lebs(Math.min(read.leb(), mostFunctions));
    if (offset + functions.length > mostFunctions) break;
    places = Math.max(places, offset + functions.length);
    segments.push({ offset, functions });
  }
  const table = new Uint32Array(places).fill(noFunction);
  for (const { offset, functions } of segments) table.set(functions, offset);
  return table;
}

/** Where each function of the module begins, and where the last one ends. */
function readBodies(module: Uint8Array, read: Reader): Uint32Array {
  const count = Math.min(read.leb(), mostFunctions);
  const starts = new Uint32Array(count + 1);
  let { at } = read;
  for (let i = 0; i < count; i += 1) {
    // By hand: a large module has a hundred thousand functions, and this loop runs before anything is optimised.
    let length = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = module[at] ?? 0;
      at += 1;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    starts[i] = at;
    at += length;
  }
  starts[count] = at;
  read.at = at;
  return starts;
}

/** What the program's memory holds at the start in the four bytes at a place, as far as active segments at constant offsets say. */
export function readWord(module: Uint8Array, { rest }: Sections, place: number): number | undefined {
  const read = reader(module, rest);
  while (read.at < module.length && !read.failed) {
    const id = read.byte();
    const end = read.leb() + read.at;
    if (id === dataSection) {
      for (let left = Math.min(read.leb(), mostSegments); left > 0; left -= 1) {
        if (read.leb() !== 0 || read.byte() !== 0x41) return undefined;
        const within = place - read.leb();
        if (read.byte() !== 0x0b) return undefined;
        const length = read.leb();
        if (within >= 0 && within + 4 <= length && read.at + length <= module.length)
          return new DataView(module.buffer, module.byteOffset + read.at).getUint32(within, true);
        read.skip(length);
      }
      return undefined;
    }
    read.at = end;
  }
  return undefined;
}

/** The type of each function that the module defines, as an index. */
export function readTypes(module: Uint8Array, { types }: Sections): Uint32Array {
  const read = reader(module, types);
  return read.lebs(Math.min(read.leb(), mostFunctions));
}

/** Makes V8 pass over custom sections of these names, which are ASCII, by naming them otherwise. The bytes of the program itself stay as they are. */
export function hideSections(module: Uint8Array, isHidden: (name: string) => boolean): void {
  const read = reader(module, 8);
  while (read.at < module.length && !read.failed) {
    const id = read.byte();
    const length = read.leb();
    const end = read.at + length;
    if (id === customSection) {
      const name = readName(read);
      if (read.at <= end && isHidden(name)) module[read.at - name.length] = 0x2d;
    }
    read.at = end;
  }
}
