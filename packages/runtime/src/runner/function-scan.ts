// SPDX-License-Identifier: Apache-2.0
import { reader } from './module-reader.ts';

/** A place that calls another function: a known one, or whichever of a type the table holds. */
export interface CallSite {
  /** Bytes from where the function begins to the instruction. */
  readonly offset: number;
  /** Loops around it, within the function. */
  readonly depth: number;
  readonly callee: number | undefined;
  readonly type: number | undefined;
}

export interface Scanned {
  loops: boolean;
  readonly calls: CallSite[];
  readonly constants: number[];
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
  i32Const: 0x41,
} as const;

/** Walks the instructions of a function. One that is not known ends the walk: what was found until then is still true. */
export function scan(module: Uint8Array, at: number, end: number): Scanned {
  const read = reader(module, at);
  const found: Scanned = { loops: false, calls: [], constants: [] };
  for (let groups = read.leb(); groups > 0 && !read.failed; groups -= 1) {
    read.leb();
    // A value type; those of more than one byte belong to garbage collection.
    if (read.byte() < 0x6f) return found;
  }
  /** Open blocks, innermost last: how many loops there are around what follows. */
  const around: number[] = [];
  let depth = 0;
  while (read.at < end && !read.failed) {
    const offset = read.at - at;
    const opcode = read.byte();
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
        found.calls.push({ offset, depth, callee: read.leb(), type: undefined });
        break;
      case opcodes.callIndirect:
        found.calls.push({ offset, depth, callee: undefined, type: read.leb() });
        read.leb();
        break;
      case opcodes.i32Const:
        found.constants.push(read.leb());
        break;
      default:
        if (!read.immediates(opcode)) return found;
    }
  }
  return found;
}
