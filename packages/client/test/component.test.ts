// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { EnarxError } from '@enarx/protocol';
import { isComponent, isComponentFile, moduleFromComponent, type ComponentOptions } from '@enarx/client';
import { transpile } from '@enarx/client/transpile';

const examples = join(import.meta.dirname, '../../../examples');
const hello = join(examples, 'component/hello.component.wasm');

async function refusal(component: Uint8Array, options: ComponentOptions = {}): Promise<EnarxError> {
  const error: unknown = await moduleFromComponent(component, transpile, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof EnarxError);
  return error;
}

describe('a component', () => {
  test('is told from a module by its first bytes', async () => {
    assert.equal(isComponent(readFileSync(hello)), true);
    assert.equal(isComponent(readFileSync(hello).subarray(0, 7)), false);
    assert.equal(await isComponentFile(hello), true);
    assert.equal(await isComponentFile(join(examples, 'hello/hello.wasm')), false);
    assert.equal(await isComponentFile(join(examples, 'no-such.wasm')), false);
  });

  test('is delivered as its parts, which are the same each time', async () => {
    const [first, second] = [
      await moduleFromComponent(readFileSync(hello), transpile),
      await moduleFromComponent(readFileSync(hello), transpile),
    ];
    assert.deepEqual(first.digest, second.digest);
    assert.ok(first.size > readFileSync(hello).length);
  });

  test('is joined by code that asks no environment, and makes no tables before they are used', async () => {
    const handler = await transpile(readFileSync(join(examples, 'handler/handler.component.wasm')));
    assert.ok('glue' in handler);
    const glue = new TextDecoder().decode(handler.glue);
    assert.doesNotMatch(glue, /JCO_DEBUG/);
    assert.match(glue, /if \(caseLookup === undefined\)/);
    assert.ok(glue.split('_lazily(_lowerImportBackwardsCompat, () => ({').length > 40);
    assert.doesNotMatch(glue, /_lowerImport\w*\.bind/);
  });

  test('that is cut off anywhere or changed is refused with what is wrong', async () => {
    const whole = readFileSync(hello);
    for (const length of [8, 9, 100, 40_000, whole.length - 1]) {
      const { code, found } = await refusal(whole.subarray(0, length));
      assert.match(code, /^client\/component-(malformed|unsupported)$/);
      assert.doesNotMatch(found ?? '', /\n/);
    }
  });

  test('that exports another world is refused', async () => {
    const empty = await refusal(await parse('(component)'));
    assert.equal(empty.code, 'client/component-unsupported');
    assert.equal(empty.found, 'no export');
  });

  /** A command of a version, and what it imports. */
  const command = (version: string, imported = 'wasi:random/random@0.2.6'): Promise<Uint8Array> =>
    parse(`(component (import "${imported}" (instance $h (export "f" (func)))) (core func $f (canon lower (func $h "f")))
      (core module $m (import "h" "f" (func)) (func (export "run") (result i32) call 0 i32.const 0))
      (core instance $i (instantiate $m (with "h" (instance (export "f" (func $f))))))
      (func $run (result (result)) (canon lift (core func $i "run")))
      (instance $cli (export "run" (func $run))) (export "wasi:cli/run@${version}" (instance $cli)))`);
  const experimentalWasi03 = true;

  test('of WASI 0.3.0 is taken by whoever asks for what is experimental', async () => {
    const component = await command('0.3.0');
    const { code, found } = await refusal(component);
    assert.equal(code, 'client/component-experimental');
    assert.match(found ?? '', /wasi:cli\/run@0\.3\.0/);
    assert.equal((await moduleFromComponent(component, transpile, { experimentalWasi03 })).world, 'command');
  });

  test('of no other version of WASI 0.3 is taken, nor one that imports what is not there', async () => {
    for (const version of ['0.3.0-rc-2025-09-16', '0.3.1', '0.4.0']) {
      const { code, found } = await refusal(await command(version), { experimentalWasi03 });
      assert.equal(code, 'client/component-unsupported');
      assert.ok(found?.includes(version));
    }
    const http = await command('0.3.0', 'wasi:http/client@0.3.0');
    const { code, found } = await refusal(http, { experimentalWasi03 });
    assert.deepEqual([code, found], ['client/component-unsupported', 'the imports wasi:http/client@0.3.0']);
  });

  test('of another version of WASI 0.3 is not taken for the command of WASI 0.2 that it is as well', async () => {
    for (const entry of ['wasi:cli/run@0.3.0-rc-2025-09-16', 'wasi:http/handler@0.3.0']) {
      const both = await parse(`(component (core module $m (func (export "run") (result i32) unreachable))
        (core instance $i (instantiate $m)) (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $cli (export "run" (func $run))) (export "wasi:cli/run@0.2.4" (instance $cli)) (export "${entry}" (instance $cli)))`);
      const { code, found } = await refusal(both, { experimentalWasi03 });
      assert.equal(code, 'client/component-unsupported');
      assert.ok(found?.includes(entry));
    }
  });

  test('of WASI 0.2 may not import from WASI 0.3', async () => {
    const mixed = await command('0.2.6', 'wasi:clocks/system-clock@0.3.0');
    for (const options of [{}, { experimentalWasi03 }]) {
      const { code, found } = await refusal(mixed, options);
      assert.deepEqual(
        [code, found],
        ['client/component-unsupported', 'the imports wasi:clocks/system-clock@0.3.0'],
      );
    }
  });

  test('that imports what a Keep does not have is refused with the name of it', async () => {
    const { code, found } = await refusal(await command('0.2.6', 'wasi:http/nothing@0.2.6'));
    assert.equal(code, 'client/component-unsupported');
    assert.match(found ?? '', /wasi:http\/nothing/);
  });
});
