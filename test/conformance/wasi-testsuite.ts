// SPDX-License-Identifier: Apache-2.0
//
// `npm run conformance`: WASI preview 1 as the WebAssembly community tests it, each program in a real runner, in both bindings. The suite is in no
// package registry, so this is no part of `npm test`: ENARX_WASI_TESTSUITE names a checkout of its branch prod/testsuite-base.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';

import { runToEnd } from '../../packages/runtime/test/support.ts';
import { packageOf, preview1Cases } from './testsuite.ts';

const checkout = process.env['ENARX_WASI_TESTSUITE'];
if (checkout === undefined)
  throw new Error('ENARX_WASI_TESTSUITE does not name a checkout of WebAssembly/wasi-testsuite');
const cases = preview1Cases(checkout);
if (cases.length < 72)
  throw new Error(`${String(cases.length)} programs in ${checkout}, where at least 72 are expected`);

for (const blocking of [false, true]) {
  suite(
    `wasi-testsuite on a program that ${blocking ? 'blocks its process' : 'is suspended'}`,
    { concurrency: 2 },
    () => {
      for (const { name, module, args, env, root, exitCode, stdout, stderr } of cases) {
        test(name, async () => {
          const finished = await runToEnd(readFileSync(module), {
            blocking,
            args: [name, ...args],
            env,
            stdin: new Uint8Array(0),
            limits: { wall: 20_000 },
            files: [
              ...(['stdin', 'stdout', 'stderr'] as const).map((kind) => ({ kind })),
              ...(root === undefined ? [] : [{ kind: 'directory', path: '/' } as const]),
            ],
            ...(root === undefined ? {} : { package: packageOf(root) }),
          });
          assert.deepEqual(finished.ended, { how: 'exit', code: exitCode }, finished.stderr.toString());
          if (stdout !== undefined) assert.equal(finished.stdout.toString(), stdout);
          if (stderr !== undefined) assert.equal(finished.stderr.toString(), stderr);
        });
      }
    },
  );
}
