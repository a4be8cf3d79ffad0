// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';

import { wasi } from '../../../test/support/programs.ts';
import { op, unsigned, wasmModule, type ModuleDescription } from '../../../test/support/wasm-module.ts';
import { exportHotPaths, type HotPaths } from '../src/runner/hot-paths.ts';
import { reader } from '../src/runner/module-reader.ts';
import { runToEnd } from './support.ts';

const directory = join(import.meta.dirname, '../../../test/programs');
const frequencies = 'metadata.code.instr_freq';
const targets = 'metadata.code.call_targets';

function program(name: string): Uint8Array {
  const bytes = readFileSync(join(directory, name));
  return name.endsWith('.zst') ? zstdDecompressSync(bytes) : bytes;
}

function prepared(module: Uint8Array): HotPaths {
  const buffer = new Uint8Array(65_536 + module.length);
  buffer.set(module, 65_536);
  const hot = exportHotPaths(buffer, 65_536);
  assert.ok(hot !== undefined);
  return hot;
}

interface Hint {
  readonly index: number;
  readonly offset: number;
  readonly values: readonly number[];
}

/** What a section of hints says, as the engine shows its bytes. */
function hintsOf(module: Uint8Array, name: string): Hint[] {
  const found = WebAssembly.Module.customSections(new WebAssembly.Module(Buffer.from(module)), name);
  assert.ok(found.length <= 1, `${String(found.length)} sections`);
  const read = reader(new Uint8Array(found[0] ?? new ArrayBuffer(1)), 0);
  const hints: Hint[] = [];
  for (let functions = read.leb(); functions > 0; functions -= 1) {
    const index = read.leb();
    for (let left = read.leb(); left > 0; left -= 1) {
      const offset = read.leb();
      const length = read.leb();
      const end = read.at + length;
      const values: number[] = [];
      while (read.at < end) values.push(read.leb());
      hints.push({ index, offset, values });
    }
  }
  return hints;
}

/** Where each function lies, and of which type it is. */
function functionsOf(module: Uint8Array): Map<number, { at: number; end: number; type: number }> {
  const read = reader(module, 8);
  const functions = new Map<number, { at: number; end: number; type: number }>();
  const types: number[] = [];
  let imported = 0;
  while (read.at < module.length) {
    const id = read.byte();
    const end = read.leb() + read.at;
    if (id === 2) imported = read.leb();
    else if (id === 3) types.push(...read.lebs(read.leb()));
    else if (id === 10) {
      const count = read.leb();
      for (let i = 0; i < count; i += 1) {
        const size = read.leb();
        const type = types[i];
        assert.ok(type !== undefined);
        functions.set(imported + i, { at: read.at, end: read.at + size, type });
        read.skip(size);
      }
    }
    read.at = end;
  }
  return functions;
}

describe('hints for inlining', () => {
  for (const name of ['kernels.wasm', 'files-c.wasm', 'files-rs.wasm', 'files-go.wasm.zst', 'sockets.wasm']) {
    test(`stand in ${name} at calls of small functions, of the type that is called`, () => {
      const { bytes, hinted } = prepared(program(name));
      const functions = functionsOf(bytes);
      const frequent = hintsOf(bytes, frequencies);
      const called = new Map(hintsOf(bytes, targets).map((hint) => [`${hint.index} ${hint.offset}`, hint]));
      assert.equal(hinted, frequent.length > 0);
      let indirect = 0;
      for (const { index, offset } of frequent) {
        const { at, end } = functions.get(index) ?? assert.fail(`no function ${String(index)}`);
        assert.ok(at + offset < end);
        const read = reader(bytes, at + offset);
        const opcode = read.byte();
        const operand = read.leb();
        if (opcode === 0x10 || opcode === 0x12) {
          const callee = functions.get(operand);
          assert.ok(callee !== undefined && callee.end - callee.at <= 64);
          continue;
        }
        assert.equal(opcode, 0x11);
        indirect += 1;
        const pairs = called.get(`${index} ${offset}`)?.values ?? assert.fail('no targets');
        for (let i = 0; i < pairs.length; i += 2)
          assert.equal(functions.get(pairs[i] ?? -1)?.type, operand, `a target of ${String(index)}`);
      }
      assert.equal(indirect, called.size);
    });
  }

  test('name at each of the indirect calls of a kernel the function that its pointer means from the start', () => {
    const { bytes } = prepared(program('kernels.wasm'));
    const called = hintsOf(bytes, targets).map(({ values }) => values);
    assert.deepEqual(
      called,
      [20, 21, 22, 23].map((index) => [index, 100]),
    );
  });

  test('make it faster than compiling everything well without them', async () => {
    const fastest = async (optimize: 'auto' | 'full'): Promise<number> => {
      const given = { args: ['kernels', 'indirect', '8'], optimize };
      const { stdout } = await runToEnd(program('kernels.wasm'), given);
      return Math.min(...stdout.toString().trim().split('\n').map(parseFloat));
    };
    const [auto, full] = [await fastest('auto'), await fastest('full')];
    // Three times as fast where the machine does nothing else.
    assert.ok(auto * 1.3 < full, `${(auto / 1e6).toFixed(0)} ms against ${(full / 1e6).toFixed(0)} ms`);
  });

  const step = [...op.localGet(0), ...op.i32Const(1), ...op.i32Sub, ...op.localTee(0)];
  const count = (at: number): readonly number[] => [
    ...[...op.i32Const(0), ...op.i32Const(0), ...op.i32Load(at)],
    ...[...op.i32Const(1), ...op.i32Add, ...op.i32Store(at)],
  ];
  const repeat = (times: number, body: readonly number[]): readonly number[] => [
    ...[...op.i32Const(times), ...op.localSet(0)],
    ...op.loop([...body, ...step, ...op.brIf(0)]),
  ];
  /** Function 1 is `_start`, from where a loop in function 2 calls the place of the table; what follows them is the table's content. */
  const throughTable = (
    place: readonly number[],
    others: readonly (readonly number[])[],
    data: ModuleDescription['data'] = [],
  ): Uint8Array =>
    wasmModule({
      imports: [wasi.procExit],
      functions: [
        {
          name: '_start',
          exported: true,
          body: [...op.call(2), ...op.i32Const(0), ...op.i32Load(8), ...op.call(0)],
        },
        {
          name: 'compute',
          locals: 1,
          body: repeat(100, [...place, ...op.callIndirect(1)]),
        },
        ...others.map((body, index) => ({ name: `other${String(index)}`, body })),
      ],
      table: others.map((_, index) => index + 3),
      data,
    });
  const large = [...count(0), ...count(0), ...count(0), ...count(0), ...count(0), ...count(8)];

  test('that are wrong change nothing: what the table holds is called', async () => {
    const module = throughTable(op.i32Const(1), [count(4), large]);
    const { bytes } = prepared(module);
    assert.deepEqual(
      hintsOf(bytes, targets).map(({ index, values }) => [index, values]),
      [[2, [3, 100]]],
    );
    const stored = [...op.i32Const(16), ...op.i32Const(1), ...op.i32Store(0)];
    const pointed = throughTable(
      [...stored, ...op.i32Const(16), ...op.i32Load(0)],
      [count(4), large],
      [{ at: 16, bytes: new Uint8Array(4) }],
    );
    assert.deepEqual(
      hintsOf(prepared(pointed).bytes, targets).map(({ values }) => values),
      [[3, 100]],
    );
    for (const program of [module, pointed]) {
      const { ended } = await runToEnd(program);
      assert.deepEqual(ended, { how: 'exit', code: 100 });
    }
  });

  test('are not given where the table holds nine functions of the type', () => {
    const eight = Array.from({ length: 8 }, () => count(8));
    assert.equal(prepared(throughTable(op.i32Const(0), eight)).hinted, true);
    assert.equal(prepared(throughTable(op.i32Const(0), [...eight, large])).hinted, false);
  });

  test('go by a pointer only where the same place is read for each call, and means a function of the type', () => {
    const nine = Array.from({ length: 9 }, () => count(8));
    const called = (content: number, place: readonly number[]): number[] => {
      const data = [{ at: 16, bytes: Uint8Array.from([content, 0, 0, 0]) }];
      const { bytes } = prepared(throughTable(place, nine, data));
      return hintsOf(bytes, targets).flatMap(({ values }) => values);
    };
    assert.deepEqual(called(5, [...op.i32Const(16), ...op.i32Load(0)]), [8, 100]);
    assert.deepEqual(called(5, [...op.i32Const(12), ...op.i32Load(4)]), [8, 100]);
    assert.deepEqual(called(9, [...op.i32Const(16), ...op.i32Load(0)]), [], 'no such place in the table');
    assert.deepEqual(called(5, [...op.i32Const(17), ...op.i32Load(0)]), [], 'not all of it in the segment');
    assert.deepEqual(called(5, [...op.i32Const(16), ...op.localGet(0), ...op.drop, ...op.i32Load(0)]), []);
    assert.deepEqual(called(5, [...op.i32Const(16), ...op.i32Load(0), ...op.i32Eqz]), []);
  });

  test('are not given for a function that calls others, nor for what no loop calls', () => {
    assert.equal(prepared(throughTable(op.i32Const(0), [op.call(4), large])).hinted, false);
    const outside = wasmModule({
      functions: [
        { name: '_start', exported: true, body: op.call(1) },
        { name: 'compute', locals: 1, body: [...op.call(2), ...repeat(3, [])] },
        { name: 'other', body: count(8) },
      ],
    });
    assert.equal(prepared(outside).hinted, false);
  });

  test('leave traps where they are, in a function that was inlined too', async () => {
    const module = throughTable(op.i32Const(0), [op.unreachable]);
    const [auto, baseline] = await Promise.all([
      runToEnd(module),
      runToEnd(module, { optimize: 'baseline' }),
    ]);
    assert.deepEqual(auto.ended, baseline.ended);
    assert.ok(auto.ended.how === 'trap');
    assert.match(auto.ended.frames.join(' '), /^other0 .* compute .* _start /);
  });

  test('of others are not read, wherever they stand', async () => {
    const hint = [1, ...unsigned(2), 1, ...unsigned(0x7fff_ffff), 1, 1];
    const names = [frequencies, targets, 'metadata.code.compilation_priority', 'metadata.code.branch_hint'];
    const module = wasmModule({
      functions: [
        { name: '_start', exported: true, body: op.call(1) },
        { name: 'compute', locals: 1, body: repeat(3, op.call(2)) },
        { name: 'other', body: count(8) },
      ],
      custom: names.slice(0, 3).map((name) => ({ name, content: hint })),
    });
    const behind = names.flatMap((name) => {
      const content = [name.length, ...Buffer.from(name), ...hint];
      return [0, ...unsigned(content.length), ...content];
    });
    const hot = prepared(Buffer.concat([module, Uint8Array.from(behind)]));
    const compiled = new WebAssembly.Module(Buffer.from(hot.bytes));
    const left = names.map((name) => WebAssembly.Module.customSections(compiled, name).length);
    assert.deepEqual(left, [1, 0, 0, 1]);
    assert.deepEqual(
      hintsOf(hot.bytes, frequencies).map(({ index }) => index),
      [1],
    );
    const { ended } = await runToEnd(module);
    assert.deepEqual(ended, { how: 'exit', code: 0 });
  });
});
