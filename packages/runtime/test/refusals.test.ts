// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { EnarxError } from '@enarx/protocol';

import { programs } from '../../../test/support/programs.ts';
import { wasmModule } from '../../../test/support/wasm-module.ts';
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
