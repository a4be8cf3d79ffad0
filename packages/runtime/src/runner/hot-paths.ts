// SPDX-License-Identifier: Apache-2.0
//
// V8 replaces code of the baseline tier when a function is called again, never while it runs. A program whose main function computes in one long loop therefore
// stays slow for ever, unless the function is compiled at the top tier before it is entered. That is too much work to do for all functions, of which most programs
// run each for a moment; for those that the program enters first, and from one place only, it is not. What is called from several places is called often, and V8
// replaces it then.
import { scanner, type Scanned } from './function-scan.ts';
import { inliningHints } from './inlining-hints.ts';
import { leb } from './leb128.ts';
import { exportSection, readSections, type Sections } from './module-sections.ts';

/** Bytes of code that may be compiled at the top tier before the program starts: a millisecond for each kilobyte. Whoever sends a large module waits anyway. */
const budget = 10_240;
const largeBudget = 32_768;
const largeModule = 1_572_864;
/** Bytes of code that may be looked at to find them: some milliseconds. */
const lookBudget = 65_536;
/** Bytes that hints may take. */
const mostHints = 16_384;

export interface HotPaths {
  /** The module, in which more functions are exported. Its code lies `shift` bytes further back. */
  readonly bytes: Uint8Array;
  readonly shift: number;
  /** Under these names. */
  readonly names: readonly string[];
  /** Whether there are hints among its sections that the engine has to be told to read. */
  readonly hinted: boolean;
}

/**
 * Finds functions with loops that `_start` leads to, or the `main` of Go, nearest first, and exports them, so that the engine can be asked to compile them.
 *
 * @param buffer - holds the module from `headroom` on; what lies before it is used to move the sections before the code
 * @returns `undefined` where there is nothing to do, or the module is not understood; compiling it then says what is wrong
 */
export function exportHotPaths(buffer: Uint8Array, headroom: number): HotPaths | undefined {
  const module = buffer.subarray(headroom);
  const sections = readSections(module);
  if (sections === undefined) return undefined;
  const { functions, scanned } = loopsFrom(module, sections);
  if (functions.length === 0) return undefined;
  const names = functions.map((index) => `\u0001enarx/${String(index)}`);
  const added = functions.flatMap((index, order) => {
    const name = new TextEncoder().encode(names[order]);
    return [name.length, ...name, 0, ...leb(index)];
  });
  let hints = inliningHints(module, sections, functions, scanned);
  if (hints.length > mostHints) hints = [];
  const { at, content, end, count } = sections.exports;
  const counted = leb(count + functions.length);
  const old = module.slice(content, end);
  const size = leb(counted.length + old.length + added.length);
  const grown = 1 + size.length + counted.length + old.length + added.length;
  const shift = grown - (end - at) + hints.length;
  if (shift > headroom) return undefined;
  const from = headroom - shift;
  buffer.copyWithin(from, headroom, headroom + at);
  let to = from + at;
  for (const part of [[exportSection], size, counted, old, added]) {
    buffer.set(part, to);
    to += part.length;
  }
  buffer.copyWithin(to, headroom + end, headroom + sections.code);
  buffer.set(hints, headroom + sections.code - hints.length);
  return { bytes: buffer.subarray(from), shift, names, hinted: hints.length > 0 };
}

/** Functions with loops that one place calls, in the order in which a breadth-first search from `_start` meets them. */
function loopsFrom(module: Uint8Array, sections: Sections) {
  const { loops, callers, scanned } = search(module, sections);
  let left = module.length > largeModule ? largeBudget : budget;
  const functions = loops
    .filter(({ index, size }) => {
      const chosen = (callers.get(index) ?? 0) <= 1 && size <= left;
      if (chosen) left -= size;
      return chosen;
    })
    .map(({ index }) => index);
  return { functions, scanned };
}

interface Found {
  readonly loops: { readonly index: number; readonly size: number }[];
  /** Places that call a function, among those that were looked at. */
  readonly callers: ReadonlyMap<number, number>;
  readonly scanned: ReadonlyMap<number, Scanned>;
}

function search(module: Uint8Array, { imported, start, main, bodies, table }: Sections): Found {
  const loops: Found['loops'] = [];
  const callers = new Map<number, number>();
  const scanned = new Map<number, Scanned>();
  const from = main === undefined ? [start] : [main, start];
  const seen = new Set<number>(from);
  let toLookAt = lookBudget;
  const scan = scanner(module, table.slice());
  // Calls that are written as such lead on before those that only might be: a number that is a place in the table, as a pointer to a function is.
  let level = from;
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
      const found = scan(at, next);
      scanned.set(index, found);
      if (found.loops) loops.push({ index, size });
      for (const { callee } of found.calls) {
        if (callee === undefined) continue;
        callers.set(callee, (callers.get(callee) ?? 0) + 1);
        if (seen.has(callee)) continue;
        seen.add(callee);
        level.push(callee);
      }
      for (const place of found.places) {
        const callee = table[place];
        if (callee === undefined || seen.has(callee)) continue;
        seen.add(callee);
        pointed.push(callee);
      }
    }
  }
  return { loops, callers, scanned };
}
