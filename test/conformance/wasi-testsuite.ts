// SPDX-License-Identifier: Apache-2.0
//
// `npm run conformance`: WASI preview 1 as the WebAssembly community tests it, each program in a real runner, in both bindings, and as a component of
// WASI 0.2; and WASI 0.3 but for HTTP. The suite is in no
// package registry, so this is no part of `npm test`: ENARX_WASI_TESTSUITE names a checkout of its branch prod/testsuite-base.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { suite, test } from 'node:test';

import { adapted, delivered } from '../../packages/runtime/test/component/support.ts';
import { runToEnd, type Given } from '../../packages/runtime/test/support.ts';
import { packageOf, preview1Cases, wasi03Cases } from './testsuite.ts';

const checkout = process.env['ENARX_WASI_TESTSUITE'];
if (checkout === undefined)
  throw new Error('ENARX_WASI_TESTSUITE does not name a checkout of WebAssembly/wasi-testsuite');
const cases = preview1Cases(checkout);
if (cases.length < 72)
  throw new Error(`${String(cases.length)} programs in ${checkout}, where at least 72 are expected`);

/** @param root - directory of the suite that the program finds as `/` */
function given(root: string | undefined): Given {
  const streams = (['stdin', 'stdout', 'stderr'] as const).map((kind) => ({ kind }));
  if (root === undefined) return { files: streams };
  return { files: [...streams, { kind: 'directory', path: '/' }], package: packageOf(root) };
}

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
            ...given(root),
          });
          assert.deepEqual(finished.ended, { how: 'exit', code: exitCode }, finished.stderr.toString());
          if (stdout !== undefined) assert.equal(finished.stdout.toString(), stdout);
          if (stderr !== undefined) assert.equal(finished.stderr.toString(), stderr);
        });
      }
    },
  );
}

/** What the adapter makes of preview 1 is not all of it: it cannot allocate as AssemblyScript does, and knows no descriptor that WASI 0.2 does not. */
const failsInAdapter: ReadonlySet<string> = new Set([
  'assemblyscript args_get-multiple-arguments',
  'assemblyscript environ_get-multiple-variables',
  'assemblyscript fd_write-to-invalid-fd',
]);

suite('wasi-testsuite as components of WASI 0.2', { concurrency: 2 }, () => {
  for (const { name, module, args, env, root, exitCode, stdout } of cases) {
    test(name, { skip: failsInAdapter.has(name) && 'fails in the adapter' }, async () => {
      const finished = await runToEnd(await delivered(await adapted(readFileSync(module))), {
        args: [name, ...args],
        env,
        stdin: new Uint8Array(0),
        limits: { wall: 20_000 },
        ...given(root),
      });
      // The adapter tells success from failure and no more.
      assert.deepEqual(
        finished.ended,
        { how: 'exit', code: Math.min(exitCode, 1) },
        finished.stderr.toString(),
      );
      if (stdout !== undefined) assert.equal(finished.stdout.toString(), stdout);
    });
  }
});

/** They bind ports of the host that no list of descriptors names, or send datagrams, of which a Keep has none. */
const notInKeeps: ReadonlySet<string> = new Set([
  'rust sockets-echo',
  'rust sockets-tcp-bind',
  'rust sockets-tcp-connect',
  'rust sockets-tcp-listen',
  'rust sockets-tcp-receive',
  'rust sockets-tcp-send',
  'rust sockets-udp-bind',
  'rust sockets-udp-connect',
  'rust sockets-udp-properties',
  'rust sockets-udp-receive',
  'rust sockets-udp-send',
]);

const cases03 = wasi03Cases(checkout);
if (cases03.length < 37)
  throw new Error(`${String(cases03.length)} programs of WASI 0.3, where at least 37 are expected`);

suite('wasi-testsuite of WASI 0.3', { concurrency: 2 }, () => {
  for (const { name, module, args, env, stdin, root, exitCode, stdout, stderr } of cases03) {
    test(name, { skip: notInKeeps.has(name) && 'asks for sockets that a Keep does not have' }, async () => {
      const finished = await runToEnd(await delivered(readFileSync(module)), {
        args: [basename(module), ...args],
        env,
        stdin: Buffer.from(stdin),
        limits: { wall: 20_000 },
        ...given(root),
      });
      assert.deepEqual(finished.ended, { how: 'exit', code: exitCode }, finished.stderr.toString());
      if (stdout !== undefined) assert.equal(finished.stdout.toString(), stdout);
      if (stderr !== undefined) assert.equal(finished.stderr.toString(), stderr);
    });
  }
});
