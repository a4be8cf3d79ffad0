// SPDX-License-Identifier: Apache-2.0
//
// What joins the parts of a component is JavaScript, and whoever delivers can write it by hand. What could it do to the processes around it? Node's permission
// model, which isolation.test.ts tries, has no say in that.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { encodeBundle } from '../../src/component/bundle.ts';
import { runToEnd } from '../support.ts';

const other = String(process.pid);

/** Each attempt throws, or rejects, unless it succeeds. */
const attempts = {
  'signal its supervisor': `process.kill(${other}, 0)`,
  'signal it without the checks of Node': `if (process._kill(${other}, 0) !== 0) throw new Error('no')`,
  'signal it through the module': `(await import('node:process')).kill(${other}, 0)`,
  'signal it through the default of the module': `(await import('process')).default.kill(${other}, 0)`,
  'signal all that it may': 'process.kill(-1, 0)',
  'open the inspector of its supervisor': `process._debugProcess(${other})`,
  'change the priority of its supervisor': `process.getBuiltinModule('os').setPriority(${other}, 19)`,
  'change it through the module': `(await import('node:os')).setPriority(${other}, 19)`,
  'change it through the module as it was required before': `process.getBuiltinModule('node:module').createRequire('file:///')('os').setPriority(${other}, 19)`,
  'start a process that could': "process.getBuiltinModule('child_process').spawnSync('/bin/true')",
} as const;
type Attempt = keyof typeof attempts;

const gone = /^failed: .*(is not a function|ERR_ACCESS_DENIED)/;

describe('JavaScript that comes with a component', () => {
  let outcomes: Partial<Record<Attempt, string>> = {};

  before(async () => {
    const tries = Object.entries(attempts).map(
      ([what, code]) => `
        try { ${code}; outcomes[${JSON.stringify(what)}] = 'succeeded'; }
        catch (error) { outcomes[${JSON.stringify(what)}] = 'failed: ' + error.message + ' ' + error.code; }`,
    );
    const glue = `
      export async function instantiate(core, imports) {
        const outcomes = {};
        ${tries.join('')}
        const run = () => {
          const out = imports['wasi:cli/stdout'].getStdout();
          return out.blockingWriteAndFlush(new TextEncoder().encode(JSON.stringify(outcomes)));
        };
        return { 'wasi:cli/run@0.2.6': { run } };
      }`;
    const { ended, stdout } = await runToEnd(
      encodeBundle({ world: 'command', glue: Buffer.from(glue), modules: [] }),
    );
    assert.deepEqual(ended, { how: 'exit', code: 0 });
    outcomes = JSON.parse(stdout.toString()) as typeof outcomes;
  });

  for (const what of Object.keys(attempts) as Attempt[]) {
    test(`cannot ${what}`, () => {
      assert.match(outcomes[what] ?? 'not tried', gone);
    });
  }
});
