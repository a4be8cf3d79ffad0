// SPDX-License-Identifier: Apache-2.0
import { runtimeProblem } from '../problems.ts';
import type { DeclaredMemory } from './declared-memory.ts';
import { leb } from './leb128.ts';

const maximumFlag = 0x01;
const sharedFlag = 0x02;
/** Of a 32-bit memory (core specification 3.2.10). */
const mostPossible = 65_536;

/**
 * Writes how far its memory may grow into the module itself, where it says nothing or more: the engine then keeps the limit as a rule of WebAssembly. V8 has a flag
 * for it, too, but whoever sets a flag has to load `node:v8`, and gives up the compiled code of whatever Node loads later.
 *
 * @param buffer - holds the module from `from` on; what lies before it is used to move the sections before the memory's
 * @param memory - what the module says of it, at most one, which starts with no more than the limit
 * @param pages - of 64 KiB, that it may have
 * @returns where the module begins now
 * @throws EnarxError `wasm/malformed`
 */
export function limitMemory(buffer: Uint8Array, from: number, memory: DeclaredMemory, pages: number): number {
  const { section, mostPages } = memory;
  if (section === undefined) return from;
  const { at, content, flags, most, rest, end } = section;
  const module = buffer.subarray(from);
  const flag = module[flags] ?? 0;
  const shared = (flag & sharedFlag) !== 0;
  // Made valid by what is written into it, it would run, and V8 would not say what is wrong.
  if (
    rest !== end ||
    end > module.length ||
    (mostPages ?? 0) > mostPossible ||
    (shared && mostPages === undefined)
  )
    throw runtimeProblem('wasm/malformed', { found: 'a memory section that is not valid' });
  if (mostPages !== undefined && mostPages <= pages) return from;
  const written = [
    ...module.subarray(content, flags),
    flag | maximumFlag,
    ...module.subarray(flags + 1, most),
    ...leb(pages),
  ];
  const replaced = [module[at] ?? 0, ...leb(written.length), ...written];
  const start = from - (replaced.length - (end - at));
  buffer.copyWithin(start, from, from + at);
  buffer.set(replaced, start + at);
  return start;
}
