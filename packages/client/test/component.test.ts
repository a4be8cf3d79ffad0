// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { EnarxError } from '@enarx/protocol';
import { isComponent, isComponentFile, moduleFromComponent } from '@enarx/client';
import { transpile } from '@enarx/client/transpile';

const examples = join(import.meta.dirname, '../../../examples');
const hello = join(examples, 'component/hello.component.wasm');

async function refusal(component: Uint8Array): Promise<EnarxError> {
  const error: unknown = await moduleFromComponent(component, transpile).then(
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

  test('that exports another world is refused, and one of WASI 0.3', async () => {
    const empty = await refusal(await parse('(component)'));
    assert.equal(empty.code, 'client/component-unsupported');
    const later = await refusal(
      await parse(`(component (core module $m (func (export "run") (result i32) i32.const 0))
        (core instance $i (instantiate $m)) (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $cli (export "run" (func $run))) (export "wasi:cli/run@0.3.0" (instance $cli)))`),
    );
    assert.equal(later.code, 'client/component-unsupported');
    assert.match(later.found ?? '', /wasi:cli\/run@0\.3\.0/);
  });

  test('that imports what a Keep does not have is refused with the name of it', async () => {
    const { code, found } = await refusal(
      await parse(`(component (import "wasi:http/nothing@0.2.6" (instance $h (export "f" (func))))
        (core func $f (canon lower (func $h "f")))
        (core module $m (import "h" "f" (func)) (func (export "run") (result i32) call 0 i32.const 0))
        (core instance $i (instantiate $m (with "h" (instance (export "f" (func $f))))))
        (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $cli (export "run" (func $run))) (export "wasi:cli/run@0.2.6" (instance $cli)))`),
    );
    assert.equal(code, 'client/component-unsupported');
    assert.match(found ?? '', /wasi:http\/nothing/);
  });
});
