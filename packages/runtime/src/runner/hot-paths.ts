// SPDX-License-Identifier: Apache-2.0
//
// V8 replaces code of the baseline tier when a function is called again, never while it runs. A program whose main function computes in one long loop therefore
// stays slow for ever, unless the function is compiled at the top tier before it is entered. That is too much work to do for all functions, of which most programs
// run each for a moment; for those that the program enters first, and from one place only, it is not. What is called from several places is called often, and V8
// replaces it then.
import { reader } from './module-reader.ts';

/** Bytes of code that may be compiled at the top tier before the program starts: a millisecond for each kilobyte. Whoever sends a large module waits anyway. */
const budget = 10_240;
const largeBudget = 32_768;
const largeModule = 1_572_864;
/** Bytes of code that may be looked at to find them: some milliseconds. */
const lookBudget = 65_536;
/** What V8 allows in one module. More is refused when it is compiled, and must cost nothing here. */
const mostFunctions = 1_000_000;
const importSection = 2;
const exportSection = 7;
const elementSection = 9;
const codeSection = 10;

export interface HotPaths {
  /** The module, in which more functions are exported. Its code lies `shift` bytes further back. */
  readonly bytes: Uint8Array;
  readonly shift: number;
  /** Under these names. */
  readonly names: readonly string[];
}

interface Sections {
  readonly imported: number;
  readonly start: number;
  readonly exports: {
    readonly at: number;
    readonly content: number;
    readonly end: number;
    readonly count: number;
  };
  /** Where each function begins; each reaches at most to the next one. */
  readonly bodies: Uint32Array;
  readonly table: Table;
}

/** Function indices by their place in the table. */
type Table = { readonly offset: number; readonly functions: Uint32Array }[];

/**
 * Finds functions with loops that `_start` leads to, nearest first, and exports them, so that the engine can be asked to compile them.
 *
 * @param buffer - holds the module from `headroom` on; what lies before it is used to move the sections before the code
 * @returns `undefined` where there is nothing to do, or the module is not understood; compiling it then says what is wrong
 */
export function exportHotPaths(buffer: Uint8Array, headroom: number): HotPaths | undefined {
  const module = buffer.subarray(headroom);
  const sections = readSections(module);
  if (sections === undefined) return undefined;
  const functions = loopsFrom(module, sections);
  if (functions.length === 0) return undefined;
  const names = functions.map((index) => `\u0001enarx/${String(index)}`);
  const added = functions.flatMap((index, order) => {
    const name = new TextEncoder().encode(names[order]);
    return [name.length, ...name, 0, ...leb(index)];
  });
  const { at, content, end, count } = sections.exports;
  const counted = leb(count + functions.length);
  const old = module.slice(content, end);
  const size = leb(counted.length + old.length + added.length);
  const grown = 1 + size.length + counted.length + old.length + added.length;
  const shift = grown - (end - at);
  if (shift > headroom) return undefined;
  const from = headroom - shift;
  buffer.copyWithin(from, headroom, headroom + at);
  let to = from + at;
  for (const part of [[exportSection], size, counted, old, added]) {
    buffer.set(part, to);
    to += part.length;
  }
  return { bytes: buffer.subarray(from), shift, names };
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return bytes;
}

function readSections(module: Uint8Array): Sections | undefined {
  const read = reader(module, 8);
  let imported = 0;
  let exports: Sections['exports'] | undefined;
  let start: number | undefined;
  let bodies: Uint32Array = new Uint32Array(0);
  let table: Table = [];
  while (read.at < module.length) {
    const at = read.at;
    const id = read.byte();
    const length = read.leb();
    const end = read.at + length;
    if (id === importSection) imported = countImportedFunctions(read);
    else if (id === exportSection) {
      const count = read.leb();
      exports = { at, content: read.at, end, count };
      start = findStart(read, count);
    } else if (id === elementSection) table = readTable(read);
    else if (id === codeSection) bodies = readBodies(module, read);
    if (id === codeSection || read.failed) break;
    read.at = end;
  }
  if (read.failed || exports === undefined || start === undefined) return undefined;
  return { imported, start, exports, bodies, table };
}

type Reader = ReturnType<typeof reader>;

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
function readTable(read: Reader): Table {
  const segments: Table = [];
  for (let left = read.leb(); left > 0; left -= 1) {
    if (read.leb() !== 0 || read.byte() !== 0x41) break;
    const offset = read.leb();
    if (read.byte() !== 0x0b) break;
    const functions = read.lebs(Math.min(read.leb(), mostFunctions));
    segments.push({ offset, functions });
  }
  return segments;
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

/** Functions with loops that one place calls, in the order in which a breadth-first search from `_start` meets them. */
function loopsFrom(module: Uint8Array, sections: Sections): number[] {
  const { loops, callers } = search(module, sections);
  let left = module.length > largeModule ? largeBudget : budget;
  return loops
    .filter(({ index, size }) => {
      const chosen = (callers.get(index) ?? 0) <= 1 && size <= left;
      if (chosen) left -= size;
      return chosen;
    })
    .map(({ index }) => index);
}

interface Found {
  readonly loops: { readonly index: number; readonly size: number }[];
  /** Places that call a function, among those that were looked at. */
  readonly callers: ReadonlyMap<number, number>;
}

function search(module: Uint8Array, { imported, start, bodies, table }: Sections): Found {
  const loops: Found['loops'] = [];
  const callers = new Map<number, number>();
  const seen = new Set<number>([start]);
  let toLookAt = lookBudget;
  // Calls that are written as such lead on before those that only might be: a number that is a place in the table, as a pointer to a function is.
  let level = [start];
  let pointed: number[] = [];
  while (toLookAt > 0) {
    const now = level.length > 0 ? level : pointed;
    if (now.length === 0) break;
    if (now === pointed) pointed = [];
    level = [];
    for (const index of now) {
      const [at, next] = [bodies[index - imported], bodies[index - imported + 1]];
      if (at === undefined || next === undefined) continue;
      const size = next - at;
      if (size > toLookAt) continue;
      toLookAt -= size;
      const found = scan(module, at, next);
      if (found.loops) loops.push({ index, size });
      for (const callee of found.calls) {
        callers.set(callee, (callers.get(callee) ?? 0) + 1);
        if (seen.has(callee)) continue;
        seen.add(callee);
        level.push(callee);
      }
      for (const constant of found.constants) {
        const callee = pointedTo(table, constant);
        if (callee === undefined || seen.has(callee)) continue;
        seen.add(callee);
        pointed.push(callee);
      }
    }
  }
  return { loops, callers };
}

function pointedTo(table: Table, place: number): number | undefined {
  for (const { offset, functions } of table) {
    const found = functions[place - offset];
    if (found !== undefined) return found;
  }
  return undefined;
}

interface Scanned {
  loops: boolean;
  readonly calls: number[];
  readonly constants: number[];
}

/** Walks the instructions of a function. One that is not known ends the walk: what was found until then is still true. */
function scan(module: Uint8Array, at: number, end: number): Scanned {
  const read = reader(module, at);
  const found: Scanned = { loops: false, calls: [], constants: [] };
  for (let groups = read.leb(); groups > 0 && !read.failed; groups -= 1) {
    read.leb();
    // A value type; those of more than one byte belong to garbage collection.
    if (read.byte() < 0x6f) return found;
  }
  while (read.at < end && !read.failed) {
    const opcode = read.byte();
    if (opcode === 0x03) found.loops = true;
    if (opcode === 0x10 || opcode === 0x12) found.calls.push(read.leb());
    else if (opcode === 0x41) found.constants.push(read.leb());
    else if (!read.immediates(opcode)) break;
  }
  return found;
}
