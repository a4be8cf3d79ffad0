// SPDX-License-Identifier: Apache-2.0
//
// Small WASI preview 1 programs for tests. Each does one thing, most of them a bad one.
import { op, unsigned, wasmModule, type ImportedFunction } from './wasm-module.ts';

const i32x2 = ['i32', 'i32'] as const;
const i32x4 = ['i32', 'i32', 'i32', 'i32'] as const;

/** Signatures of the preview 1 functions that the programs here use. */
export const wasi = {
  fdRead: { name: 'fd_read', params: i32x4 },
  fdWrite: { name: 'fd_write', params: i32x4 },
  pollOneoff: { name: 'poll_oneoff', params: i32x4 },
  pathOpen: { name: 'path_open', params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i64', 'i64', 'i32', 'i32'] },
  fdTell: { name: 'fd_tell', params: i32x2 },
  procExit: { name: 'proc_exit', params: ['i32'], results: [] },
  randomGet: { name: 'random_get', params: i32x2 },
  argsSizesGet: { name: 'args_sizes_get', params: i32x2 },
} as const satisfies Record<string, ImportedFunction>;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const start = (body: readonly number[], locals = 0) => ({ name: '_start', exported: true, locals, body });
const { i32Const, call, drop } = op;

/** Ends with this exit code. */
function exit(code: number): Uint8Array {
  return wasmModule({ imports: [wasi.procExit], functions: [start([...i32Const(code), ...call(0)])] });
}

/** Returns from `_start` at once. */
function nothing(): Uint8Array {
  return wasmModule({ functions: [start([])] });
}

/** Writes a text to standard output (or the descriptor given) and returns. */
function print(text: string, fd = 1): Uint8Array {
  const content = bytes(text);
  return wasmModule({
    imports: [wasi.fdWrite],
    functions: [
      start([...i32Const(fd), ...i32Const(8), ...i32Const(1), ...i32Const(0), ...call(0), ...drop]),
    ],
    memory: { initial: 1 + Math.ceil(content.length / 65_536) },
    data: [
      { at: 8, bytes: words(16, content.length) },
      { at: 16, bytes: content },
    ],
  });
}

/** Computes for ever, without one call to the host; prints `begun\n` first, so that a test knows when it runs. */
function hotLoop(): Uint8Array {
  return wasmModule({
    imports: [wasi.fdWrite],
    functions: [
      start([
        ...[...i32Const(1), ...i32Const(8), ...i32Const(1), ...i32Const(0), ...call(0), ...drop],
        ...op.loop(op.br(0)),
      ]),
    ],
    data: [
      { at: 8, bytes: words(16, 6) },
      { at: 16, bytes: bytes('begun\n') },
    ],
  });
}

/** Traps with `unreachable` in a function of this name, called by `middle`, called by `_start`; it has a name section. */
function trap(name = 'deep'): Uint8Array {
  return wasmModule({
    functions: [start(call(1)), { name: 'middle', body: call(2) }, { name, body: op.unreachable }],
  });
}

/** Writes to standard output and traps. */
function printThenTrap(text: string): Uint8Array {
  const content = bytes(text);
  return wasmModule({
    imports: [wasi.fdWrite],
    functions: [
      start([
        ...[...i32Const(1), ...i32Const(8), ...i32Const(1), ...i32Const(0), ...call(0), ...drop],
        ...op.unreachable,
      ]),
    ],
    data: [
      { at: 8, bytes: words(16, content.length) },
      { at: 16, bytes: content },
    ],
  });
}

/** Recurses until the stack ends. */
function deepRecursion(): Uint8Array {
  return wasmModule({ functions: [start(call(1)), { name: 'recurse', body: call(1) }] });
}

/** Recurses until the stack ends, and prints a byte at each thousandth level. */
function countDepth(): Uint8Array {
  const print = [...i32Const(1), ...i32Const(8), ...i32Const(1), ...i32Const(0), ...call(0), ...drop];
  const countUp = [
    ...[...i32Const(32), ...i32Const(32), ...op.i32Load(0), ...i32Const(1), ...op.i32Add, ...op.i32Store(0)],
    ...[...i32Const(32), ...op.i32Load(0), ...i32Const(1000), ...op.i32Eq],
    ...op.if([...i32Const(32), ...i32Const(0), ...op.i32Store(0), ...print]),
  ];
  return wasmModule({
    imports: [wasi.fdWrite],
    functions: [start(call(2)), { name: 'recurse', body: [...countUp, ...call(2)] }],
    data: [{ at: 8, bytes: words(16, 1) }],
  });
}

/**
 * Grows its memory page by page until it gets no more, writing into each page, then ends with exit code 7 (and stops at 65535 pages in any case).
 * Prints the number of pages it has in the end as four bytes, little-endian.
 */
function memoryBomb(): Uint8Array {
  const writePages = [
    ...[...i32Const(32), ...op.memorySize, ...op.i32Store(0)],
    ...[...i32Const(1), ...i32Const(8), ...i32Const(1), ...i32Const(0), ...call(0), ...drop],
  ];
  const grown = [
    ...i32Const(1),
    ...op.memoryGrow,
    ...op.localTee(0),
    ...i32Const(-1),
    ...op.i32Eq,
    ...op.brIf(1),
  ];
  const touch = [...op.localGet(0), ...i32Const(16), 0x74, ...i32Const(1), ...op.i32Store(0)];
  return wasmModule({
    imports: [wasi.fdWrite, wasi.procExit],
    functions: [
      start(
        [
          ...op.block(op.loop([...grown, ...touch, ...op.br(0)])),
          ...writePages,
          ...[...i32Const(7), ...call(1)],
        ],
        1,
      ),
    ],
    data: [{ at: 8, bytes: words(32, 4) }],
  });
}

/** Grows its memory until it is refused, then prints without end, the count of its pages (32 bits) in front of every 4096 bytes. */
function memoryBombThenFlood(): Uint8Array {
  const grown = [...i32Const(1), ...op.memoryGrow, ...i32Const(-1), ...op.i32Eq, ...op.brIf(1)];
  const write = [...i32Const(1), ...i32Const(8), ...i32Const(1), ...i32Const(0), ...call(0), ...drop];
  return wasmModule({
    imports: [wasi.fdWrite],
    functions: [
      start([
        ...op.block(op.loop([...grown, ...op.br(0)])),
        ...[...i32Const(32), ...op.memorySize, ...op.i32Store(0)],
        ...op.loop([...write, ...op.br(0)]),
      ]),
    ],
    data: [{ at: 8, bytes: words(32, 4096) }],
  });
}

/** Fills the garbage-collected heap with a chain of arrays that it keeps, without any linear memory. The types are beyond the assembler. */
function heapBomb(): Uint8Array {
  const section = (id: number, ...content: number[]): number[] => [id, content.length, ...content];
  const arrayOfI64 = [0x5e, 0x7e, 0x01];
  const link = [0x5f, 0x02, 0x63, 0x01, 0x00, 0x63, 0x00, 0x00];
  const nothingToNothing = [0x60, 0x00, 0x00];
  const addLink = [0x23, 0x00, ...i32Const(100_000), 0xfb, 0x07, 0x00, 0xfb, 0x00, 0x01, 0x24, 0x00];
  const code = [0x00, ...op.loop([...addLink, ...op.br(0)]), 0x0b];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, 3, ...arrayOfI64, ...link, ...nothingToNothing),
    ...section(3, 1, 2),
    ...section(6, 1, 0x63, 0x01, 0x01, 0xd0, 0x01, 0x0b),
    ...section(7, 1, 6, ...bytes('_start'), 0x00, 0x00),
    ...section(10, 1, code.length, ...code),
  ]);
}

/** Declares this many tables of ten million entries each, the most that V8 allows in one. */
function tableBomb(tables: number): Uint8Array {
  const section = (id: number, ...content: number[]): number[] => [
    id,
    ...unsigned(content.length),
    ...content,
  ];
  const table = [0x70, 0x00, ...unsigned(10_000_000)];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, 1, 0x60, 0x00, 0x00),
    ...section(3, 1, 0),
    ...section(4, ...unsigned(tables), ...Array.from({ length: tables }, () => table).flat()),
    ...section(7, 1, 6, ...bytes('_start'), 0x00, 0x00),
    ...section(10, 1, 2, 0x00, 0x0b),
  ]);
}

/** Asks for this many pages from the start. */
function initialMemory(pages: number): Uint8Array {
  return wasmModule({ functions: [start([])], memory: { initial: pages } });
}

/** Writes to standard output without end, `size` bytes a time. */
function flood(size = 4096): Uint8Array {
  return wasmModule({
    imports: [wasi.fdWrite],
    functions: [
      start(
        op.loop([
          ...i32Const(1),
          ...i32Const(8),
          ...i32Const(1),
          ...i32Const(0),
          ...call(0),
          ...drop,
          ...op.br(0),
        ]),
      ),
    ],
    memory: { initial: 1 + Math.ceil(size / 65_536) },
    data: [
      { at: 8, bytes: words(16, size) },
      { at: 16, bytes: new Uint8Array(Math.min(size, 4096)).fill(0x2e) },
    ],
  });
}

/** Copies standard input to standard output until it ends. */
function echo(): Uint8Array {
  return wasmModule({
    imports: [wasi.fdRead, wasi.fdWrite],
    functions: [
      start(
        op.loop([
          // The read leaves its count where the vector of the write has its length.
          ...[...i32Const(0), ...i32Const(8), ...i32Const(1), ...i32Const(20), ...call(0), ...drop],
          ...[...i32Const(20), ...op.i32Load(0), ...op.i32Eqz],
          ...op.if([0x0f]),
          ...[...i32Const(1), ...i32Const(16), ...i32Const(1), ...i32Const(0), ...call(1), ...drop],
          ...op.br(0),
        ]),
      ),
    ],
    memory: { initial: 2 },
    data: [
      { at: 8, bytes: words(65_536, 65_536) },
      { at: 16, bytes: words(65_536, 0) },
    ],
  });
}

/** A subscription of `poll_oneoff` to the monotonic clock, so long from the call. */
function clockSubscription(milliseconds: number): Uint8Array {
  const subscription = new DataView(new ArrayBuffer(48));
  subscription.setUint32(16, 1, true);
  subscription.setBigUint64(24, BigInt(milliseconds) * 1_000_000n, true);
  return new Uint8Array(subscription.buffer);
}

/** Waits for so long on the monotonic clock, then ends with exit code 0. */
function sleep(milliseconds: number): Uint8Array {
  return wasmModule({
    imports: [wasi.pollOneoff],
    functions: [
      start([...i32Const(64), ...i32Const(512), ...i32Const(1), ...i32Const(8), ...call(0), ...drop]),
    ],
    data: [{ at: 64, bytes: clockSubscription(milliseconds) }],
  });
}

/**
 * Polls standard input and a clock that is due after so long, again and again until the first event is standard input's; ends with the number of
 * bytes that the event says can be read.
 */
function pollInputOrClock(milliseconds: number): Uint8Array {
  const input = new Uint8Array(48);
  input[8] = 1;
  return wasmModule({
    imports: [wasi.pollOneoff, wasi.procExit],
    functions: [
      start(
        op.loop([
          ...[...i32Const(64), ...i32Const(512), ...i32Const(2), ...i32Const(8), ...call(0), ...drop],
          // Offset 8 of an event: error (two bytes), then the type, of which 1 is fd_read.
          ...[...i32Const(512), ...op.i32Load(8), ...i32Const(0x1_0000), ...op.i32Ne, ...op.brIf(0)],
          ...[...i32Const(512), ...op.i32Load(16), ...call(1)],
        ]),
      ),
    ],
    data: [
      { at: 64, bytes: input },
      { at: 112, bytes: clockSubscription(milliseconds) },
    ],
  });
}

/** Reads standard input once, waits for ever if none comes, and then ends with exit code 0. */
function waitForInput(): Uint8Array {
  return wasmModule({
    imports: [wasi.fdRead],
    functions: [start([...i32Const(0), ...i32Const(8), ...i32Const(1), ...i32Const(0), ...call(0), ...drop])],
    data: [{ at: 8, bytes: words(1024, 16) }],
  });
}

export interface HostCall {
  readonly function: ImportedFunction;
  readonly args: readonly (number | bigint)[];
}

/** Part of a program's memory. */
export interface Range {
  readonly at: number;
  readonly length: number;
}

/**
 * Makes these calls in order and writes what each returned to standard output, as four bytes, little-endian, and then the parts of its memory that are asked
 * for. Its own data lies from 32768 on.
 */
function callEach(
  calls: readonly HostCall[],
  data: readonly { at: number; bytes: Uint8Array }[] = [],
  shown: readonly Range[] = [],
  memory: { readonly initial: number; readonly maximum?: number; readonly flags?: number } = { initial: 1 },
): Uint8Array {
  const imports: ImportedFunction[] = [wasi.fdWrite, ...new Set(calls.map(({ function: called }) => called))];
  const results = 0xc000;
  const body = calls.flatMap(({ function: called, args }, index) => [
    ...i32Const(results + 4 * index),
    ...args.flatMap((arg) => (typeof arg === 'bigint' ? op.i64Const(arg) : i32Const(arg))),
    ...call(imports.indexOf(called, 1)),
    ...op.i32Store(0),
  ]);
  const vectors = [{ at: results, length: 4 * calls.length }, ...shown];
  return wasmModule({
    imports,
    functions: [
      start([
        ...body,
        ...i32Const(1),
        ...i32Const(32_776),
        ...i32Const(vectors.length),
        ...i32Const(32_768),
        ...call(0),
        ...drop,
      ]),
    ],
    memory,
    data: [...data, { at: 32_776, bytes: words(...vectors.flatMap(({ at, length }) => [at, length])) }],
  });
}

/**
 * Has random bytes written to its last page, grows, has them written to the page before and to the new one, and ends with exit code 0 if all calls
 * succeed and with 1 otherwise. What lay beyond its end before it grew must have been refused.
 */
function growBetweenCalls(): Uint8Array {
  const fill = (at: number): number[] => [...i32Const(at), ...i32Const(16), ...call(0)];
  const failing = [...i32Const(1), ...call(1)];
  return wasmModule({
    imports: [wasi.randomGet, wasi.procExit],
    functions: [
      start([
        ...[...fill(0), ...op.if(failing)],
        ...[...fill(65_536), ...op.i32Eqz, ...op.if(failing)],
        ...[...i32Const(1), ...op.memoryGrow, ...drop],
        ...[...fill(65_528), ...op.if(failing)],
        ...[...fill(131_056), ...op.if(failing)],
        ...[...fill(131_057), ...op.i32Eqz, ...op.if(failing)],
        ...[...i32Const(0), ...call(1)],
      ]),
    ],
  });
}

/**
 * Makes a file in the directory that is its descriptor 3 and writes 1 MiB at a time until that fails; then prints the size of the file as eight bytes,
 * little-endian, and ends with the errno as exit code.
 */
function fillFile(): Uint8Array {
  const [fdWrite, pathOpen, fdTell, procExit] = [0, 1, 2, 3] as const;
  const opening = [3, 0, 64, 1, 1].flatMap((value) => i32Const(value));
  const all = op.i64Const(0x0fff_ffffn);
  return wasmModule({
    imports: [wasi.fdWrite, wasi.pathOpen, wasi.fdTell, wasi.procExit],
    functions: [
      start(
        [
          ...[...opening, ...all, ...all, ...i32Const(0), ...i32Const(16), ...call(pathOpen), ...drop],
          ...op.loop([
            ...[...i32Const(16), ...op.i32Load(0)],
            ...[...i32Const(8), ...i32Const(1), ...i32Const(20), ...call(fdWrite)],
            ...[...op.localTee(0), ...op.i32Eqz, ...op.brIf(0)],
          ]),
          ...[...i32Const(16), ...op.i32Load(0), ...i32Const(32), ...call(fdTell), ...drop],
          ...[...i32Const(1), ...i32Const(40), ...i32Const(1), ...i32Const(20), ...call(fdWrite), ...drop],
          ...[...op.localGet(0), ...call(procExit)],
        ],
        1,
      ),
    ],
    memory: { initial: 17 },
    data: [
      { at: 8, bytes: words(65_536, 1_048_576) },
      { at: 40, bytes: words(32, 8) },
      { at: 64, bytes: bytes('f') },
    ],
  });
}

/**
 * Beside so many functions of 2.8 kB that are never called (600 make it large), `_start` calls `compute`, which loops so many million times, and then
 * `fail`, which traps.
 */
function loopInModule(millions: number, others: number): Uint8Array {
  const never = Array.from({ length: 400 }, () => [
    ...i32Const(64),
    ...i32Const(7),
    ...op.i32Store(0),
  ]).flat();
  const step = [...op.localGet(0), ...i32Const(1), ...op.i32Sub, ...op.localTee(0)];
  const work = Array.from({ length: 8 }, () => [
    ...[
      ...op.localGet(1),
      ...op.localGet(0),
      ...op.i32Add,
      ...i32Const(0x9e37_79b9),
      0x73,
      ...op.localSet(1),
    ],
  ]).flat();
  const loop = [
    ...i32Const(millions * 1_000_000),
    ...op.localSet(0),
    ...op.loop([...work, ...step, ...op.brIf(0)]),
  ];
  return wasmModule({
    imports: [wasi.fdWrite],
    functions: [
      start([...call(2), ...i32Const(0), ...op.i32Load(0), ...drop, ...call(3)]),
      { name: 'compute', locals: 2, body: loop },
      { name: 'fail', body: op.unreachable },
      ...Array.from({ length: others }, () => ({ name: 'never', body: never })),
    ],
  });
}

/** Imports a function that no host has. */
function unknownImport(): Uint8Array {
  return wasmModule({
    imports: [{ module: 'env', name: 'open_the_pod_bay_doors', params: [] }],
    functions: [start([])],
  });
}

/** A valid module without `_start`. */
function library(): Uint8Array {
  return wasmModule({ functions: [{ name: 'add', exported: true, body: [] }] });
}

/** The preamble of a component, and nothing else. */
function component(): Uint8Array {
  return Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00);
}

/** Not WebAssembly at all. */
function notWasm(): Uint8Array {
  return bytes('#!/bin/sh\necho hello\n');
}

export const programs = {
  exit,
  nothing,
  print,
  hotLoop,
  trap,
  printThenTrap,
  deepRecursion,
  countDepth,
  memoryBomb,
  memoryBombThenFlood,
  heapBomb,
  tableBomb,
  initialMemory,
  flood,
  echo,
  sleep,
  pollInputOrClock,
  waitForInput,
  callEach,
  growBetweenCalls,
  fillFile,
  loopInModule,
  unknownImport,
  library,
  component,
  notWasm,
} as const;
