// SPDX-License-Identifier: Apache-2.0
//
// V8's good compiler inlines what the quick one has seen being called. A function that it compiles before the program starts has been seen by nobody, and would
// keep each call. So V8 is told what will be called, in the sections that WebAssembly's proposal "Compilation Hints" has for that: they change how fast a program
// runs, and nothing else.
import { scanner, type CallSite, type Scanned } from './function-scan.ts';
import { leb } from './leb128.ts';
import { hideSections, readTypes, readWord, type Sections } from './module-sections.ts';

const prefix = 'metadata.code.';
const frequencies = `${prefix}instr_freq`;
const targets = `${prefix}call_targets`;
/** Of a finished proposal, which V8 reads from whoever wrote the module. */
const branchHints = `${prefix}branch_hint`;
/** Bytes of a function that is worth more in place of its call than as one. */
const smallFunction = 64;
/** Functions of one type in the table, of which it is likely that a call through it means one that V8 was told of. */
const mostTargets = 8;
/** Places of a table that is looked through, some milliseconds for all types of calls; a larger one has many functions of most types. */
const largestTable = 16_384;
/** Types of calls for which it is. */
const mostTypes = 64;
/** The binary logarithm of how often a place is passed for each call of its function, and 32. A loop counts as this many. */
const once = 32;
const perLoop = 5;
const deepestLoop = 6;

interface Hint {
  readonly site: CallSite;
  readonly into: readonly number[];
}

/**
 * Says of functions that are about to be compiled which calls in their loops lead to small functions, and of these small ones the same. Of a call through the table V8
 * is told what it may lead to. That is the function which a pointer at a fixed place in memory means from the start; otherwise, where the table has few functions of the
 * type that the call asks for, the small ones that call nothing themselves, so that the call is most of their work. V8 compares before it believes that, and makes the
 * call where none of them was meant.
 *
 * @param chosen - functions that will be compiled
 * @param scanned - what is known of functions
 * @returns sections to go before the code; empty where there is nothing to say
 */
export function inliningHints(
  module: Uint8Array,
  sections: Sections,
  chosen: readonly number[],
  scanned: ReadonlyMap<number, Scanned>,
): number[] {
  const small = smallFunctions(module, sections);
  const hints = new Map<number, Hint[]>();
  const pending = chosen.map((index) => ({ index, least: 1 }));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { index, least } = next;
    if (hints.has(index)) continue;
    const found: Hint[] = [];
    for (const site of scanned.get(index)?.calls ?? []) {
      if (site.depth < least) continue;
      const into = small.at(site);
      if (into.length === 0) continue;
      found.push({ site, into });
      for (const callee of into) pending.push({ index: callee, least: 0 });
    }
    hints.set(index, found);
  }
  const hinted = [...hints].filter(([, found]) => found.length > 0).sort(([a], [b]) => a - b);
  if (hinted.length === 0) return [];
  // V8 then reads all sections of that kind. What others have written into theirs is nothing that it should be trusted with yet.
  hideSections(module, (name) => name.startsWith(prefix) && name !== branchHints);
  return [
    ...section(frequencies, hinted, ({ site }) => [once + perLoop * Math.min(site.depth, deepestLoop)]),
    ...section(
      targets,
      hinted
        .map(([index, found]) => [index, found.filter(({ site }) => site.callee === undefined)] as const)
        .filter(([, found]) => found.length > 0),
      ({ into }) => into.flatMap((callee) => [...leb(callee), Math.floor(100 / into.length)]),
    ),
  ];
}

function smallFunctions(module: Uint8Array, sections: Sections) {
  const { imported, bodies } = sections;
  const scan = scanner(module, new Uint32Array(0));
  const smallBody = (index: number): readonly [number, number] | undefined => {
    const [at, next] = [bodies[index - imported], bodies[index - imported + 1]];
    return at !== undefined && next !== undefined && next - at <= smallFunction ? [at, next] : undefined;
  };
  const callsNothing = (index: number): boolean => {
    const body = smallBody(index);
    return body !== undefined && scan(...body).calls.length === 0;
  };
  const known = new Map<number, readonly number[]>();
  let types: Uint32Array | undefined;
  /** The function that a pointer in memory means before the program starts, if it is of the type. */
  const pointedTo = (pointer: number, type: number): number | undefined => {
    const index = sections.table[readWord(module, sections, pointer) ?? -1];
    types ??= readTypes(module, sections);
    return index !== undefined && types[index - imported] === type ? index : undefined;
  };
  return {
    /** Those that a place may call. */
    at({ callee, type, pointer }: CallSite): readonly number[] {
      if (callee !== undefined) return smallBody(callee) === undefined ? [] : [callee];
      if (type === undefined) return [];
      const given = pointer === undefined ? undefined : pointedTo(pointer, type);
      if (given !== undefined) return smallBody(given) === undefined ? [] : [given];
      if (sections.table.length > largestTable) return [];
      let few = known.get(type);
      if (few !== undefined) return few;
      if (known.size === mostTypes) return [];
      few = ofType(type, (types ??= readTypes(module, sections)), sections).filter(callsNothing);
      known.set(type, few);
      return few;
    },
  };
}

/** Functions of the table that are of a type; none where they are many. */
function ofType(type: number, types: Uint32Array, { table, imported }: Sections): number[] {
  const found: number[] = [];
  table.forEach((index) => {
    if (types[index - imported] === type && found.length <= mostTargets && !found.includes(index))
      found.push(index);
  });
  return found.length > mostTargets ? [] : found;
}

type Hints = readonly (readonly [number, readonly Hint[]])[];

/** A custom section: for each function its hints, by the place in it. */
function section(name: string, hinted: Hints, valueOf: (hint: Hint) => readonly number[]): number[] {
  if (hinted.length === 0) return [];
  const content = [
    ...sized([...new TextEncoder().encode(name)]),
    ...leb(hinted.length),
    ...hinted.flatMap(([index, hints]) => [
      ...leb(index),
      ...leb(hints.length),
      ...hints.flatMap((hint) => [...leb(hint.site.offset), ...sized(valueOf(hint))]),
    ]),
  ];
  return [0, ...sized(content)];
}

function sized(bytes: readonly number[]): number[] {
  return [...leb(bytes.length), ...bytes];
}
