// SPDX-License-Identifier: Apache-2.0
//
// What joins the parts of a component is JavaScript, and whoever delivers can write it by hand. What could it reach? It tries, in our own runner as it is built.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { encodeBundle } from '../../src/component/bundle.ts';
import { ungoverned } from '../../src/runner/out-of-reach.ts';
import { runToEnd } from '../support.ts';
import { attempts, type Attempt } from './attempts.ts';

const scratch = mkdtempSync(join(tmpdir(), 'enarx-reach-'));
chmodSync(scratch, 0o777);
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** An attempt that fails for another reason shows nothing. */
const taken = Object.values(ungoverned).flat().join('|');
const denied = new RegExp(
  `^failed: (ERR_ACCESS_DENIED|ERR_DLOPEN_DISABLED|ERR_PROTO_ACCESS|no module node:(ffi|sqlite)|no|.*\\b(${taken}) is not a function)$`,
);

interface Surroundings {
  readonly environment: unknown;
  readonly arguments: unknown;
  readonly directory: unknown;
  readonly terminals: unknown;
}

describe('JavaScript that comes with a component', () => {
  let outcomes: Partial<Record<Attempt, string>> = {};
  let surroundings: Partial<Surroundings> = {};

  let connections = 0;
  const server = createServer((connection) => {
    connections += 1;
    connection.destroy();
  });
  after(() => {
    server.close();
  });

  before(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const tries = Object.entries(attempts).map(
      ([what, code]) => `
        try { await bounded(() => ${code}); outcomes[${JSON.stringify(what)}] = 'succeeded'; }
        catch (error) { outcomes[${JSON.stringify(what)}] = 'failed: ' + (error?.cause?.code ?? error?.code ?? error?.message); }`,
    );
    const glue = `
      const require = (name) => {
        const found = process.getBuiltinModule(name);
        if (!found) throw new Error('no module ' + name);
        return found;
      };
      const port = ${String(port)};
      const scratch = ${JSON.stringify(scratch)};
      let caught = () => {};
      // Some throw where nobody waits for them, which ends a runner.
      process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => caught(error));
      const settled = (emitter, good, reached) => new Promise((resolve, reject) => {
        emitter.on(good, resolve);
        emitter.on('error', (error) => error.code === reached ? resolve() : reject(error));
      });
      const bounded = (attempt) => new Promise((resolve, reject) => {
        caught = reject;
        setTimeout(() => reject(new Error('nothing happened')), 3000);
        Promise.resolve().then(attempt).then(resolve, reject);
      });
      export async function instantiate(core, imports) {
        const outcomes = {};
        ${tries.join('')}
        const surroundings = {
          environment: { ...process.env },
          arguments: process.argv.slice(2),
          directory: process.cwd(),
          terminals: [0, 1, 2].map((fd) => require('node:tty').isatty(fd)),
        };
        const run = () => {
          const out = imports['wasi:cli/stdout'].getStdout();
          const bytes = new TextEncoder().encode(JSON.stringify({ outcomes, surroundings }));
          for (let at = 0; at < bytes.length; at += 4096) out.blockingWriteAndFlush(bytes.subarray(at, at + 4096));
        };
        return { 'wasi:cli/run@0.2.6': { run } };
      }`;
    const { ended, stdout } = await runToEnd(
      encodeBundle({ world: 'command', glue: Buffer.from(glue), modules: [] }),
    );
    assert.deepEqual(ended, { how: 'exit', code: 0 });
    ({ outcomes, surroundings } = JSON.parse(stdout.toString()) as {
      outcomes: typeof outcomes;
      surroundings: Surroundings;
    });
  });

  for (const what of Object.keys(attempts) as Attempt[]) {
    test(`cannot ${what}`, () => {
      assert.match(outcomes[what] ?? 'not tried', denied);
    });
  }

  test('leaves nothing behind, and comes to nobody', () => {
    assert.deepEqual(readdirSync(scratch), []);
    assert.equal(connections, 0);
  });

  test('finds no environment, no argument, no directory of anybody’s and no terminal', () => {
    assert.deepEqual(surroundings, {
      environment: {},
      arguments: [],
      directory: '/',
      terminals: [false, false, false],
    });
  });
});
