// SPDX-License-Identifier: Apache-2.0
import { numbersAfter, reader, type Reader } from './module-reader.ts';
import { noFunction } from './module-sections.ts';

/** A place that calls another function: a known one, or whichever of a type the table holds. */
export interface CallSite {
  /** Bytes from where the function begins to the instruction. */
  readonly offset: number;
  /** Loops around it, within the function. */
  readonly depth: number;
  readonly callee: number | undefined;
  readonly type: number | undefined;
  /** Where in memory the program reads which function it calls, if that is always the same place. */
  readonly pointer: number | undefined;
}

export interface Scanned {
  loops: boolean;
  readonly calls: CallSite[];
  /** Numbers in it that might be pointers to functions. */
  readonly places: number[];
}

const opcodes = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  try: 0x06,
  end: 0x0b,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  delegate: 0x18,
  i32Load: 0x28,
  i32Const: 0x41,
} as const;

/** What is looked at, rather than passed. */
const special = new Set<number>(Object.values(opcodes));
const looked = 0xff;
const passed = Uint8Array.from(numbersAfter, (numbers, opcode) =>
  special.has(opcode) ? looked : (numbers ?? looked),
);

export type Scan = (at: number, end: number) => Scanned;

/**
 * Makes what walks the instructions of a function. One that is not known ends the walk: what was found until then is still true.
 *
 * @param places - of a table; each that is pointed to is found once, and marked as empty
 */
export function scanner(module: Uint8Array, places: Uint32Array): Scan {
  // One for all: a collection of what is thrown away takes longer than the search.
  const read = reader(module, 0);
  return (at, end) => {
    read.at = at;
    read.failed = false;
    return walk(module, read, end, places);
  };
}

function walk(module: Uint8Array, read: Reader, end: number, places: Uint32Array): Scanned {
  const { at } = read;
  const found: Scanned = { loops: false, calls: [], places: [] };
  for (let groups = read.leb(); groups > 0 && !read.failed; groups -= 1) {
    read.leb();
    // A value type; those of more than one byte belong to garbage collection.
    if (read.byte() < 0x6f) return found;
  }
  /** Open blocks, innermost last: how many loops there are around what follows. */
  const around: number[] = [];
  let depth = 0;
  /** The last address that was a number, the last place of memory that was read at one, and where in the code each was complete. */
  const address = { value: 0, until: 0 };
  const loaded = { value: 0, until: 0 };
  for (
    let place = pass(module, read.at, end);
    place < end && !read.failed;
    place = pass(module, read.at, end)
  ) {
    const offset = place - at;
    const opcode = module[place] ?? 0;
    read.at = place + 1;
    switch (opcode) {
      case opcodes.loop:
        found.loops = true;
        around.push(depth);
        depth += 1;
        read.leb();
        break;
      case opcodes.block:
      case opcodes.if:
      case opcodes.try:
        around.push(depth);
        read.leb();
        break;
      case opcodes.delegate:
        depth = around.pop() ?? 0;
        read.leb();
        break;
      case opcodes.end:
        depth = around.pop() ?? 0;
        break;
      case opcodes.call:
      case opcodes.returnCall:
        found.calls.push({ offset, depth, callee: read.leb(), type: undefined, pointer: undefined });
        break;
      case opcodes.callIndirect:
        found.calls.push({
          offset,
          depth,
          callee: undefined,
          type: read.leb(),
          pointer: loaded.until === place ? loaded.value : undefined,
        });
        read.leb();
        break;
      case opcodes.i32Const: {
        const number = read.leb();
        address.value = number;
        address.until = read.at;
        if ((places[number] ?? noFunction) === noFunction) break;
        places[number] = noFunction;
        found.places.push(number);
        break;
      }
      case opcodes.i32Load: {
        // As for all of them in the reader: the alignment, and the number of a memory where bit 6 says so.
        if ((read.leb() & 0x40) !== 0) read.leb();
        const value = address.value + read.leb();
        if (address.until !== place) break;
        loaded.value = value;
        loaded.until = read.at;
        break;
      }
      default:
        if (!read.immediates(opcode)) return found;
    }
  }
  return found;
}

/**
 * Where the next instruction is that has to be looked at. A function of its own, and by hand, since this passes over most of a small program before anything is optimised:
 * V8 optimises it soon, and never finds that it did so too soon.
 */
function pass(module: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const numbers = passed[module[at] ?? 0] ?? looked;
    if (numbers === looked) break;
    at += 1;
    for (let left = numbers; left > 0; left -= 1) {
      while ((module[at] ?? 0) >= 0x80 && at < end) at += 1;
      at += 1;
    }
  }
  return at;
}
