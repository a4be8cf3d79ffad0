// SPDX-License-Identifier: Apache-2.0
//
// Types of the D-Bus Specification 0.41, "Type System". Signatures are ours or systemd's own; a wrong one is a mistake or a lie.

/** Integers of 64 bits are bigint; arrays and structs are arrays; a dictionary is an array of pairs. */
export type DbusValue = string | number | bigint | boolean | Variant | readonly DbusValue[];

/** A value that brings its type along. */
export interface Variant {
  readonly signature: string;
  readonly value: DbusValue;
}

/** One complete type, taken apart. */
export interface Type {
  readonly code: string;
  /** Of what an array, struct or dictionary entry is made. */
  readonly parts: readonly Type[];
}

const longest = 255;
/** 32 arrays and 32 structs; one number for both is stricter and enough. */
export const deepest = 32;
const basic = 'ybnqiuxtdsogvh';

/** The complete types of a signature, in their order. @throws RangeError */
export function typesOf(signature: string): Type[] {
  if (signature.length > longest) throw new RangeError('a signature that is too long');
  const types: Type[] = [];
  let at = 0;
  while (at < signature.length) {
    const [type, next] = typeAt(signature, at, 0);
    types.push(type);
    at = next;
  }
  return types;
}

function typeAt(signature: string, at: number, depth: number): [type: Type, next: number] {
  const code = signature.charAt(at);
  if (depth > deepest) throw new RangeError('a signature that is too deep');
  if (code !== '' && basic.includes(code)) return [{ code, parts: [] }, at + 1];
  if (code === 'a') {
    const [part, next] = typeAt(signature, at + 1, depth + 1);
    return [{ code, parts: [part] }, next];
  }
  const closing = code === '(' ? ')' : code === '{' ? '}' : undefined;
  if (closing === undefined) throw new RangeError(`no type: ${signature}`);
  const parts: Type[] = [];
  let next = at + 1;
  while (next < signature.length && signature.charAt(next) !== closing) {
    const [part, after] = typeAt(signature, next, depth + 1);
    parts.push(part);
    next = after;
  }
  if (next >= signature.length || parts.length === 0)
    throw new RangeError(`a struct without end: ${signature}`);
  if (code === '{' && parts.length !== 2) throw new RangeError('a dictionary entry of other than two');
  return [{ code, parts }, next + 1];
}

/** Bytes at whose multiple a value begins. */
export function alignmentOf(code: string): number {
  if ('xtd({'.includes(code)) return 8;
  if ('biusoah'.includes(code)) return 4;
  return 'nq'.includes(code) ? 2 : 1;
}
