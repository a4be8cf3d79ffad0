// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { EnarxError } from '@enarx/protocol';

import { programs } from '../../../test/support/programs.ts';
import { wasmModule, type ImportedFunction } from '../../../test/support/wasm-module.ts';
import { importedTypes } from '../src/runner/import-types.ts';
import { parameters, resultOf } from '../src/wasi/signatures.ts';
import { preview1Functions } from './preview1-functions.ts';
import { runToEnd, start } from './support.ts';

async function refusal(module: Uint8Array): Promise<EnarxError> {
  const started = { yes: false };
  const error: unknown = await runToEnd(module, { onStarted: () => (started.yes = true) }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof EnarxError);
  assert.equal(started.yes, false);
  return error;
}

describe('what is no program is refused before it starts:', () => {
  test('a file that is not WebAssembly', async () => {
    assert.equal((await refusal(programs.notWasm())).code, 'wasm/malformed');
  });

  test('a file shorter than a preamble', async () => {
    assert.equal((await refusal(Uint8Array.of(0))).code, 'wasm/malformed');
  });

  test('a module cut off', async () => {
    const whole = programs.echo();
    assert.equal((await refusal(whole.subarray(0, whole.length - 40))).code, 'wasm/malformed');
  });

  test('a module with a byte changed in its code', async () => {
    const module = programs.trap();
    module[module.indexOf(0x10) + 1] = 0x7f;
    assert.equal((await refusal(module)).code, 'wasm/malformed');
  });

  test('another version of the format', async () => {
    const module = programs.nothing();
    module[4] = 2;
    assert.equal((await refusal(module)).code, 'wasm/malformed');
  });

  test('a component', async () => {
    assert.equal((await refusal(programs.component())).code, 'wasm/is-component');
  });

  test('an unknown import, which is named', async () => {
    const error = await refusal(programs.unknownImport());
    assert.equal(error.code, 'wasm/unknown-import');
    assert.match(error.message, /function env\.open_the_pod_bay_doors/);
  });

  test('an unknown function of the right module', async () => {
    const error = await refusal(
      wasmModule({ imports: [{ name: 'fd_dup', params: ['i32'] }], functions: [] }),
    );
    assert.equal(error.code, 'wasm/unknown-import');
    assert.match(error.message, /wasi_snapshot_preview1\.fd_dup/);
  });

  const importing = (imported: ImportedFunction): Uint8Array =>
    wasmModule({ imports: [imported], functions: [{ name: '_start', exported: true, body: [] }] });

  for (const [what, imported, found] of [
    ['fewer parameters', { params: ['i32'] }, '(i32) -> (i32)'],
    [
      'a parameter of another size',
      { params: ['i32', 'i32', 'i64', 'i32'] },
      '(i32, i32, i64, i32) -> (i32)',
    ],
    ['no result', { params: ['i32', 'i32', 'i32', 'i32'], results: [] }, '(i32, i32, i32, i32) -> ()'],
  ] as const)
    test(`a function of preview 1 with ${what} than it has: both types are named`, async () => {
      const error = await refusal(importing({ name: 'fd_write', ...imported }));
      assert.equal(error.code, 'wasm/import-type');
      assert.equal(
        error.found,
        `wasi_snapshot_preview1.fd_write as ${found}, which is (i32, i32, i32, i32) -> (i32)`,
      );
    });

  test('proc_exit with the errno that every other function returns', async () => {
    assert.equal((await refusal(importing({ name: 'proc_exit', params: ['i32'] }))).code, 'wasm/import-type');
  });

  test('none of the functions of preview 1 as the types that the specification gives', () => {
    const exit = { name: 'proc_exit', params: ['i32'], results: [] } as const;
    const all: readonly ImportedFunction[] = [...preview1Functions, exit];
    for (const imported of all) {
      const { name, params, results = ['i32'] } = imported;
      const letters = (types: readonly string[]): string =>
        types.map((type) => (type === 'i32' ? 'i' : 'I')).join('');
      assert.equal(parameters[name], letters(params), name);
      assert.equal(resultOf(name), letters(results), name);
      assert.deepEqual(importedTypes(importing(imported)), [`${letters(params)}>${letters(results)}`]);
    }
    assert.equal(Object.keys(parameters).length, preview1Functions.length + 1);
  });

  test('no module for types that are not understood here: those are the engine’s to judge', () => {
    const sections = (...bytes: number[]): Uint8Array =>
      Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...bytes);
    const imports = [2, 7, 1, 1, 0x61, 1, 0x62, 0, 0];
    for (const [what, bytes, expected] of [
      ['a structure', [1, 3, 1, 0x5f, 0, ...imports], undefined],
      ['a reference to a type', [1, 6, 1, 0x60, 1, 0x63, 0, 0, ...imports], undefined],
      ['a float and a vector', [1, 6, 1, 0x60, 2, 0x7d, 0x7b, 0, ...imports], ['f?>']],
      ['a hundred and one parameters', [1, 5, 1, 0x60, 0x65, 0, 0, ...imports], undefined],
      ['an index beyond the types', [1, 1, 0, ...imports], undefined],
      ['no types', imports, undefined],
      ['an imported memory', [2, 7, 1, 1, 0x61, 1, 0x62, 2, 0], undefined],
      ['an import that is cut off', [1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1], undefined],
      ['no imports', [1, 4, 1, 0x60, 0, 0, 3, 1, 0], []],
      ['nothing', [], []],
    ] as const)
      assert.deepEqual(importedTypes(sections(...bytes)), expected, what);
  });

  test('a library without _start', async () => {
    assert.equal((await refusal(programs.library())).code, 'wasm/no-start');
  });

  test('a memory with 64-bit addresses', async () => {
    const module = wasmModule({
      functions: [{ name: '_start', exported: true, body: [] }],
      memory: { initial: 1, flags: 4 },
    });
    assert.equal((await refusal(module)).code, 'wasm/unsupported-memory');
  });

  test('two memories', async () => {
    const module = wasmModule({
      functions: [{ name: '_start', exported: true, body: [] }],
      memory: { initial: 1 },
      memories: 2,
    });
    assert.equal((await refusal(module)).code, 'wasm/unsupported-memory');
  });

  test('more module than was announced', async () => {
    const module = programs.nothing();
    const { run, runner, finished } = await start(module);
    await assert.rejects(run.writeModule(Uint8Array.of(0)), { code: 'runner/module-size' });
    await finished.catch(() => undefined);
    await runner.exited;
  });

  test('an argument that holds NUL', async () => {
    await assert.rejects(runToEnd(programs.nothing(), { args: ['a\0b'] }), { code: 'message/invalid' });
  });
});

test('a runner takes one workload', async () => {
  const { runner, finished } = await start(programs.nothing());
  await finished;
  const again = {
    size: 1,
    limits: {},
    args: [],
    env: [],
    onStdinWanted: () => undefined,
    onOutput: () => Promise.resolve(),
  };
  assert.throws(() => runner.run(again), { code: 'runner/used' });
  assert.equal(runner.fits(again), false);
});
