// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { EnarxError } from '@enarx/protocol';

import { programs } from '../../../../test/support/programs.ts';
import { runToEnd, type Given } from '../support.ts';
import { decodeBundle, encodeBundle, isBundle } from '../../src/component/bundle.ts';
import { adapted, componentOf, delivered, underJco } from './support.ts';

const root = join(import.meta.dirname, '../../../..');
const hello = readFileSync(join(root, 'examples/component/hello.component.wasm'));
const withoutRandom = (bytes: Buffer): string =>
  bytes.toString('utf8').replace(/random number: [0-9a-f]{16}/, 'random number');

async function runAdapted(program: Uint8Array, given: Given = {}) {
  return runToEnd(await delivered(await adapted(program)), given);
}

async function refusal(module: Uint8Array, given: Given = {}): Promise<EnarxError> {
  const error: unknown = await runToEnd(module, given).then(
    ({ ended }) => ended,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof EnarxError, JSON.stringify(error));
  return error;
}

/** A command that does what `body` of its core function `run` says: a result on the stack, 0 for success. */
const command = (body: string, core = '', component = ''): string => `(component
  ${component}
  (core module $m ${core} (func (export "run") (result i32) ${body}))
  (core instance $i (instantiate $m))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.6" (instance $cli)))`;

describe('a component', () => {
  const inputs: Record<string, { args: string[]; env: Record<string, string>; stdin: Buffer }> = {
    'no input at all': { args: ['hello'], env: {}, stdin: Buffer.alloc(0) },
    'arguments, environment and input': {
      args: ['hello', 'ünï', ''],
      env: { GREETING: 'grüß Gott', EMPTY: '' },
      stdin: Buffer.from('first\nsecond\nno newline at the end'),
    },
    'an exit code': { args: ['hello', '--exit=42'], env: {}, stdin: Buffer.alloc(0) },
  };
  for (const [what, { args, env, stdin }] of Object.entries(inputs)) {
    test(`from Rust does what it does under jco's own host, given ${what}`, async () => {
      const [ours, theirs] = await Promise.all([
        delivered(hello).then((module) => runToEnd(module, { args, env: Object.entries(env), stdin })),
        underJco(hello, { args, env, stdin }),
      ]);
      assert.equal(withoutRandom(ours.stdout), withoutRandom(theirs.stdout));
      assert.equal(ours.stderr.toString(), theirs.stderr.toString());
      assert.deepEqual(ours.ended, { how: 'exit', code: theirs.status });
    });
  }

  test('is delivered as the same bytes each time, which no engine takes for code', async () => {
    const [first, second] = [await delivered(hello), await delivered(hello)];
    assert.deepEqual(first, second);
    assert.ok(isBundle(first));
    const { Module } = (
      globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } }
    ).WebAssembly;
    assert.doesNotThrow(() => new Module(first));
  });

  test('copies 2 MiB from standard input to standard output', async () => {
    const stdin = Buffer.from(
      Uint32Array.from({ length: 524_288 }, (_, index) => index * 2_654_435_761).buffer,
    );
    const { stdout, ended } = await runAdapted(programs.echo(), { stdin });
    assert.ok(stdout.equals(stdin));
    assert.deepEqual(ended, { how: 'exit', code: 0 });
  });

  test('that says it failed ends with 1, and one that succeeds with 0', async () => {
    for (const code of [0, 1]) {
      const module = await delivered(await componentOf(command(`i32.const ${code}`)));
      assert.deepEqual((await runToEnd(module)).ended, { how: 'exit', code });
    }
  });

  test('that waits on the clock runs on at the time', async () => {
    const before = performance.now();
    assert.deepEqual((await runAdapted(programs.sleep(200))).ended, { how: 'exit', code: 0 });
    assert.ok(performance.now() - before >= 200);
  });

  test('sees its streams where the list of descriptors puts them', async () => {
    const { stdout, stderr } = await runAdapted(programs.print('moved'), {
      files: [{ kind: 'null' }, { kind: 'stderr' }, { kind: 'null' }],
    });
    assert.equal(stdout.toString(), '');
    assert.equal(stderr.toString(), 'moved');
  });

  test('does not start where the engine cannot suspend it', async () => {
    const { code } = await refusal(await delivered(hello), { blocking: true });
    assert.equal(code, 'wasm/not-suspendable');
  });
});

describe('a trap of a component', () => {
  test('is told with its message and the functions that led to it', async () => {
    const { ended } = await runAdapted(programs.trap());
    assert.ok(ended.how === 'trap');
    assert.equal(ended.trap, 'unreachable');
    assert.deepEqual(
      ended.frames.slice(0, 3).map((frame) => frame.replace(/ function.*$/, '')),
      ['deep', 'middle', '_start'],
    );
  });

  test('comes after all that was printed before it', async () => {
    const { stdout, ended } = await runAdapted(programs.printThenTrap('last words'));
    assert.equal(stdout.toString(), 'last words');
    assert.equal(ended.how, 'trap');
  });

  test('at the end of the stack is named as such', async () => {
    const { ended } = await runAdapted(programs.deepRecursion());
    assert.ok(ended.how === 'trap');
    assert.equal(ended.trap, 'stack overflow');
  });
});

describe('limits hold for a component:', () => {
  test('wall time, while it computes and while it waits', async () => {
    for (const program of [programs.hotLoop(), programs.sleep(60_000), programs.waitForInput()]) {
      const { ended } = await runAdapted(program, { limits: { wall: 700 } });
      assert.deepEqual(ended, { how: 'limit', limit: 'wall', value: 700 });
    }
  });

  test('processor time', async () => {
    const { ended } = await runAdapted(programs.hotLoop(), { limits: { cpu: 1500 } });
    assert.deepEqual(ended, { how: 'limit', limit: 'cpu', value: 1500 });
  });

  test('output, to the byte', async () => {
    const { ended, stdout } = await runAdapted(programs.flood(), { limits: { output: 100_000 } });
    assert.deepEqual(ended, { how: 'limit', limit: 'output', value: 100_000 });
    assert.equal(stdout.length, 100_000);
  });

  test('memory from the start', async () => {
    const { ended } = await runAdapted(programs.initialMemory(64), { limits: { memory: 2_097_152 } });
    assert.deepEqual(ended, { how: 'limit', limit: 'memory', value: 2_097_152 });
  });

  const growing = (memories: number): string => {
    const names = Array.from({ length: memories }, (_, index) => index);
    const modules = names.map(
      (name) => `(core module $g${name} (memory 1) (func (export "grow") (result i32)
        (local $n i32) (loop $again (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then (br $again)))) memory.size)
        (export "m" (memory 0)))
        (core instance $i${name} (instantiate $g${name}))`,
    );
    const imports = names.map((name) => `(import "g" "f${name}" (func $f${name} (result i32)))`);
    const sum = names.map((name) => `call $f${name}`).join(' ') + ' i32.add'.repeat(memories - 1);
    const passed = names.map((name) => `(export "f${name}" (func $i${name} "grow"))`);
    return `(component ${modules.join('\n')}
      (core module $m ${imports.join('')} (func (export "run") (result i32) ${sum} i32.const 64 i32.gt_u))
      (core instance $i (instantiate $m (with "g" (instance ${passed.join('')}))))
      (func $run (result (result)) (canon lift (core func $i "run")))
      (instance $cli (export "run" (func $run)))
      (export "wasi:cli/run@0.2.6" (instance $cli)))`;
  };
  for (const memories of [1, 2, 5]) {
    test(`all that ${memories} memories can have together is the limit`, async () => {
      const module = await delivered(await componentOf(growing(memories)));
      const within = await runToEnd(module, { limits: { memory: 64 * 65_536 } });
      assert.deepEqual(within.ended, { how: 'exit', code: 0 });
      const beyond = await runToEnd(module, { limits: { memory: 64 * 65_536 * 2 } });
      assert.deepEqual(beyond.ended, { how: 'exit', code: 1 });
    });
  }

  test('no module can be instantiated twice for a second memory', async () => {
    const text = command('i32.const 0', '(memory 1)').replace(
      '(core instance $i (instantiate $m))',
      '(core instance $i (instantiate $m)) (core instance $j (instantiate $m))',
    );
    const { code } = await refusal(await delivered(await componentOf(text)));
    assert.equal(code, 'wasm/unsupported-world');
  });
});

describe('of what is delivered as a component', () => {
  test('an interface that a Keep does not have is named', async () => {
    const imported =
      '(import "wasi:http/nothing@0.2.6" (instance $h (export "f" (func)))) (core func $f (canon lower (func $h "f")))';
    const text = command('call $f i32.const 0', '(import "h" "f" (func $f))', imported).replace(
      '(instantiate $m)',
      '(instantiate $m (with "h" (instance (export "f" (func $f)))))',
    );
    const { code, found } = await refusal(await delivered(await componentOf(text)));
    assert.equal(code, 'wasm/unknown-import');
    assert.match(found ?? '', /wasi:http\/nothing/);
  });

  test('another world is refused', async () => {
    for (const [from, to] of [
      ['run@0.2.6', 'run@0.3.1'],
      ['wasi:cli/run@0.2.6', 'test:other/run@0.2.6'],
    ] as const) {
      const text = command('i32.const 0').replace(from, to);
      assert.equal((await refusal(await delivered(await componentOf(text)))).code, 'wasm/unsupported-world');
    }
  });

  test('a component that was not taken apart is refused', async () => {
    assert.equal((await refusal(hello)).code, 'wasm/is-component');
  });

  test('whatever is not whole is refused or ends as a trap, wherever it is cut or changed', async () => {
    const whole = await delivered(await componentOf(command('i32.const 0')));
    const { world, glue, modules } = decodeBundle(whole)!;
    const broken: Uint8Array[] = [
      whole.subarray(0, 30),
      whole.subarray(0, whole.length - 1),
      encodeBundle({ world, glue, modules: [] }),
      encodeBundle({ world, glue: Buffer.from('export const nothing = 1;'), modules }),
      encodeBundle({ world, glue: Buffer.from('this is no JavaScript'), modules }),
      encodeBundle({ world, glue: Buffer.from('throw undefined;'), modules }),
      encodeBundle({
        world,
        glue: Buffer.from('export const instantiate = () => { throw null; };'),
        modules,
      }),
      encodeBundle({ world, glue: Buffer.from('export const instantiate = () => undefined;'), modules }),
      // It says that it answers requests, and has no listener, either.
      encodeBundle({ world: 'http', glue, modules }),
      encodeBundle({ world, glue, modules: modules.map(([name]) => [name, programs.notWasm()] as const) }),
    ];
    for (const [index, bytes] of broken.entries()) {
      const end = await runToEnd(bytes).then(
        ({ ended }): string => ended.how,
        (error: unknown): string => String(error instanceof EnarxError ? error.code : error),
      );
      assert.match(end, /^(wasm\/(malformed|unsupported-world|no-listener)|trap)$/, `case ${index}`);
    }
  });
});
