// SPDX-License-Identifier: Apache-2.0
//
// A small assembler for test programs: just enough of the WebAssembly binary format to write a program that misbehaves in one way.

export type ValueType = 'i32' | 'i64';

export interface ImportedFunction {
  readonly module?: string;
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly results?: readonly ValueType[];
}

export interface DefinedFunction {
  /** Goes into the name section. */
  readonly name: string;
  readonly exported?: boolean;
  /** Locals of type i32. */
  readonly locals?: number;
  readonly body: readonly number[];
}

export interface ModuleDescription {
  readonly imports?: readonly ImportedFunction[];
  /** Take and return nothing. Their indices follow those of the imports. */
  readonly functions: readonly DefinedFunction[];
  /** Initial and largest size in pages; flags as in the binary format, where they are not the usual ones. */
  readonly memory?:
    { readonly initial: number; readonly maximum?: number; readonly flags?: number } | undefined;
  /** How many memories of that sort; one. */
  readonly memories?: number;
  readonly data?: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  /** Functions of table 0, by their indices; no table when left out. */
  readonly table?: readonly number[];
  /** Custom sections before the code. */
  readonly custom?: readonly { readonly name: string; readonly content: readonly number[] }[];
}

const valueTypes: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e };

export function unsigned(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? byte : byte | 0x80);
  } while (rest !== 0n);
  return bytes;
}

export function signed(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (;;) {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0))
      return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

const vector = (items: readonly (readonly number[])[]): number[] => [
  ...unsigned(items.length),
  ...items.flat(),
];
const named = (text: string): number[] => vector([...new TextEncoder().encode(text)].map((byte) => [byte]));
const section = (id: number, content: readonly number[]): number[] => [
  id,
  ...unsigned(content.length),
  ...content,
];
const signature = (params: readonly ValueType[], results: readonly ValueType[]): number[] => [
  0x60,
  ...vector(params.map((type) => [valueTypes[type]])),
  ...vector(results.map((type) => [valueTypes[type]])),
];

/** Instructions, by the names of the text format. */
export const op = {
  unreachable: [0x00],
  /** Block types: none. */
  block: (body: readonly number[]) => [0x02, 0x40, ...body, 0x0b],
  loop: (body: readonly number[]) => [0x03, 0x40, ...body, 0x0b],
  if: (body: readonly number[]) => [0x04, 0x40, ...body, 0x0b],
  br: (depth: number) => [0x0c, depth],
  brIf: (depth: number) => [0x0d, depth],
  call: (index: number) => [0x10, ...unsigned(index)],
  /** By the place on the stack; `type` is the number of imports where nothing is taken or given. */
  callIndirect: (type: number) => [0x11, ...unsigned(type), 0x00],
  drop: [0x1a],
  localGet: (index: number) => [0x20, index],
  localSet: (index: number) => [0x21, index],
  localTee: (index: number) => [0x22, index],
  i32Load: (at: number) => [0x28, 0x02, ...unsigned(at)],
  i32Store: (at: number) => [0x36, 0x02, ...unsigned(at)],
  memorySize: [0x3f, 0x00],
  memoryGrow: [0x40, 0x00],
  i32Const: (value: number) => [0x41, ...signed(value | 0)],
  i64Const: (value: bigint) => [0x42, ...signed(value)],
  i32Eqz: [0x45],
  i32Eq: [0x46],
  i32Ne: [0x47],
  i32LtU: [0x49],
  i32Add: [0x6a],
  i32Sub: [0x6b],
  memoryFill: [0xfc, 0x0b, 0x00],
} as const;

/** A module as bytes; `memory` is exported under that name, functions under theirs where they say so. */
export function wasmModule({
  imports = [],
  functions,
  memory = { initial: 1 },
  memories = 1,
  data = [],
  table,
  custom = [],
}: ModuleDescription): Uint8Array {
  const none = imports.length;
  const limits = (): number[] => {
    if (memory.maximum === undefined) return [memory.flags ?? 0x00, ...unsigned(memory.initial)];
    return [memory.flags ?? 0x01, ...unsigned(memory.initial), ...unsigned(memory.maximum)];
  };
  const bodies = functions.map(({ locals = 0, body }) => {
    const code = [...(locals === 0 ? [0] : [1, ...unsigned(locals), valueTypes.i32]), ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  const exported = functions
    .map(({ name, exported: isExported }, index) => ({ name, isExported, index }))
    .filter(({ isExported }) => isExported)
    .map(({ name, index }) => [...named(name), 0x00, ...unsigned(none + index)]);
  const names = functions.map(({ name }, index) => [...unsigned(none + index), ...named(name)]);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(
      1,
      vector([
        ...imports.map(({ params, results = ['i32'] }) => signature(params, results)),
        signature([], []),
      ]),
    ),
    ...section(
      2,
      vector(
        imports.map(({ module = 'wasi_snapshot_preview1', name }, index) => [
          ...named(module),
          ...named(name),
          0x00,
          ...unsigned(index),
        ]),
      ),
    ),
    ...section(3, vector(functions.map(() => unsigned(none)))),
    ...(table === undefined ? [] : section(4, vector([[0x70, 0x00, ...unsigned(table.length)]]))),
    ...section(5, vector(Array.from({ length: memories }, limits))),
    ...section(7, vector([[...named('memory'), 0x02, 0x00], ...exported])),
    ...(table === undefined
      ? []
      : section(9, vector([[0x00, ...op.i32Const(0), 0x0b, ...vector(table.map(unsigned))]]))),
    ...custom.flatMap(({ name, content }) => section(0, [...named(name), ...content])),
    ...section(10, vector(bodies)),
    ...section(
      11,
      vector(
        data.map(({ at, bytes }) => [
          0x00,
          ...op.i32Const(at),
          0x0b,
          ...vector([...bytes].map((byte) => [byte])),
        ]),
      ),
    ),
    ...section(0, [...named('name'), ...section(1, vector(names))]),
  ]);
}
