// SPDX-License-Identifier: Apache-2.0
//
// What could code reach that has broken out of WebAssembly into the runner's JavaScript? A runner that is not ours tries, started with the same arguments.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  constants,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { encodeFrameHead } from '@enarx/protocol';
import { startRunner } from '@enarx/runtime';

import { programs } from '../../../test/support/programs.ts';
import { bundledRunner } from '../../../test/support/runner-bundle.ts';
import { runnerFrame } from '../src/runner-frames.ts';
import { runToEnd, start } from './support.ts';

const scratch = mkdtempSync(join(tmpdir(), 'enarx-probe-'));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** Each attempt throws, or rejects, unless it succeeds. */
const attempts = {
  'read a file of the host': "require('node:fs').readFileSync('/etc/hostname')",
  'list a directory': "require('node:fs').readdirSync('/')",
  'read what the kernel says of it': "require('node:fs').readFileSync('/proc/self/maps')",
  'write a file': `require('node:fs').writeFileSync(${JSON.stringify(join(scratch, 'written'))}, 'x')`,
  'write to its own file': "require('node:fs').writeFileSync(process.argv[1], 'x')",
  'start a process': "require('node:child_process').execFileSync('/bin/true')",
  'fork itself': "require('node:child_process').fork(process.argv[1])",
  'start a thread': "new (require('node:worker_threads').Worker)('0', { eval: true })",
  'connect to a network address':
    "new Promise((resolve, reject) => require('node:net').connect(9, '127.0.0.1').on('connect', resolve).on('error', (error) => error.code === 'ECONNREFUSED' ? resolve() : reject(error)))",
  'listen on a network address':
    "new Promise((resolve, reject) => require('node:net').createServer().listen(0, '127.0.0.1', resolve).on('error', reject))",
  'listen on a Unix socket': `new Promise((resolve, reject) => require('node:net').createServer().listen(${JSON.stringify(join(scratch, 'sock'))}, resolve).on('error', reject))`,
  'send a datagram':
    "new Promise((resolve, reject) => { const socket = require('node:dgram').createSocket('udp4'); socket.on('error', reject); socket.send('x', 9, '127.0.0.1', (error) => error ? reject(error) : resolve()); })",
  'resolve a name': "require('node:dns').promises.lookup('localhost')",
  'load an addon': "process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libc.so.6')",
  'call native code': "require('node:ffi')",
  'use the WASI of Node': "new (require('node:wasi').WASI)({ version: 'preview1' })",
  'open an inspector': "require('node:inspector').open(0)",
  'use internal bindings': "process.binding('fs')",
  'open a database': "new (require('node:sqlite').DatabaseSync)(':memory:')",
  'change a prototype by __proto__': '({}).__proto__ = { polluted: true }',
  'replace its own program': "process.execve('/bin/true', ['true'], {})",
  'give itself permission': "(() => { if (!process.permission.has('fs.write')) throw new Error('no'); })()",
};
type Attempt = keyof typeof attempts;
/** An attempt that fails for another reason shows nothing. */
const denied =
  /^failed: (ERR_ACCESS_DENIED|ERR_DLOPEN_DISABLED|ERR_PROTO_ACCESS|no module node:(ffi|sqlite)|no)$/;

describe('from inside a runner', () => {
  const outcomes: Partial<
    Record<Attempt | 'environment' | 'arguments' | 'directory' | 'descriptors' | 'connections', unknown>
  > = {};

  before(async () => {
    const probe = join(scratch, 'probe.mjs');
    const heads = { boot: `${hex(runnerFrame.ready)}${hex(runnerFrame.started)}` };
    writeFileSync(
      probe,
      `import { createRequire } from 'node:module';
       import { readSync, writeSync, fstatSync } from 'node:fs';
       const require = (name) => { const found = process.getBuiltinModule(name); if (!found) throw new Error('no module ' + name); return found; };
       readSync(3, new Uint8Array(65536));
       const outcomes = {};
       let caught = () => {};
       process.on('uncaughtException', (error) => caught(error));
       const bounded = (promise) => Promise.race([promise, new Promise((_, reject) => { caught = reject; }), new Promise((_, reject) => setTimeout(() => reject(new Error('nothing happened')), 2000))]);
       ${Object.entries(attempts)
         .map(
           ([what, code]) =>
             `try { await bounded(${code}); outcomes[${JSON.stringify(what)}] = 'succeeded'; } catch (error) { outcomes[${JSON.stringify(what)}] = 'failed: ' + (error.code ?? error.message); }`,
         )
         .join('\n')}
       outcomes.environment = { ...process.env };
       outcomes.arguments = process.argv.slice(2);
       outcomes.directory = process.cwd();
       outcomes.descriptors = [];
       for (let fd = 0; fd < 3; fd += 1) outcomes.descriptors.push(fstatSync(fd).isCharacterDevice());
       outcomes.connections = [];
       for (let fd = 0; fd < 256; fd += 1) try { if (fstatSync(fd).isSocket()) outcomes.connections.push(fd); } catch {}
       const text = Buffer.from(JSON.stringify(outcomes));
       const head = Buffer.alloc(5);
       head.set([0x82, ${runnerFrame.stdout}, 0x59]);
       head.writeUInt16BE(text.length, 3);
       writeSync(3, Buffer.concat([Buffer.from('${heads.boot}', 'hex'), head, text]));
       setInterval(() => {}, 1000);`,
    );
    const printed = Promise.withResolvers<Buffer>();
    const pieces: Uint8Array[] = [];
    const { run, finished } = await start(programs.nothing(), {
      runner: probe,
      onOutput: (_, chunk) => {
        pieces.push(chunk);
        printed.resolve(Buffer.concat(pieces));
        return Promise.resolve();
      },
    });
    finished.catch(printed.reject);
    Object.assign(outcomes, JSON.parse((await printed.promise).toString()));
    run.kill();
    await finished;
  });

  for (const what of Object.keys(attempts) as Attempt[]) {
    test(`one cannot ${what}`, () => {
      assert.match(String(outcomes[what]), denied);
    });
  }

  test('there is no environment, no argument, no directory of anybody’s and no terminal', () => {
    assert.deepEqual(outcomes.environment, {});
    assert.deepEqual(outcomes.arguments, []);
    assert.equal(outcomes.directory, '/');
    assert.deepEqual(outcomes.descriptors, [true, true, false]);
  });

  test('nothing is open to anybody but standard error and the link, both to the supervisor', () => {
    assert.deepEqual(outcomes.connections, [2, 3]);
  });
});

function hex(kind: number): string {
  return Buffer.from(encodeFrameHead(kind, 0)).toString('hex');
}

test(
  'a runner that is given a user of its own, as in machines, is that user and of no other group',
  { skip: process.getuid?.() === 0 ? false : 'only root can start one' },
  async () => {
    const nobody = 65_534;
    const file = join(scratch, 'runner.cjs');
    // What it reads and runs has to be within its reach, and a checkout may lie where nobody else may go.
    chmodSync(scratch, 0o755);
    copyFileSync(await bundledRunner(), file);
    const node = join(scratch, 'node');
    copyFileSync(process.execPath, node, constants.COPYFILE_FICLONE);
    const runner = startRunner({ node, runner: file, user: nobody });
    const status = readFileSync(`/proc/${String(runner.pid)}/status`, 'utf8');
    for (const ids of ['Uid', 'Gid'])
      assert.match(status, new RegExp(`^${ids}:\t${Array(4).fill(String(nobody)).join('\t')}$`, 'm'));
    assert.match(status, /^Groups:\s*$/m);
    assert.match(status, /^CapEff:\t0+$/m);
    runner.kill();
    await runner.exited;
  },
);

describe('killing', () => {
  test('ends a program in a hot loop within a second', async () => {
    const running = Promise.withResolvers<undefined>();
    const { run, runner, finished } = await start(programs.hotLoop(), {
      onOutput: () => {
        running.resolve(undefined);
        return Promise.resolve();
      },
    });
    await running.promise;
    const begun = performance.now();
    run.kill();
    await runner.exited;
    assert.ok(performance.now() - begun < 1000);
    const { ended, stdout } = await finished;
    assert.deepEqual(ended, { how: 'stopped' });
    assert.equal(stdout.toString(), 'begun\n');
  });

  test('works before the module is there', async () => {
    const { runner, run, finished } = await start(programs.nothing());
    runner.kill();
    await runner.exited;
    assert.deepEqual(await run.ended, { how: 'stopped' });
    await finished;
  });

  test('after the end changes nothing', async () => {
    const { run, runner, finished } = await start(programs.exit(3));
    const { ended } = await finished;
    runner.kill();
    run.kill();
    assert.deepEqual(ended, { how: 'exit', code: 3 });
    assert.deepEqual(await run.ended, ended);
  });
});

describe('a runner whose supervisor is killed', () => {
  const setpriv = spawnSync('setpriv', ['--version']).status === 0;

  /** A supervisor in a process of its own; prints the runner's process id when the program runs. */
  async function orphan(program: Uint8Array, wrap: boolean): Promise<number> {
    const script = `
      import { startRunner } from '@enarx/runtime';
      const module = Buffer.from('${Buffer.from(program).toString('base64')}', 'base64');
      const runner = startRunner({
        runner: ${JSON.stringify(await bundledRunner())},
        ${wrap ? "wrap: (argv) => ['/usr/bin/env', 'setpriv', '--pdeathsig', 'KILL', '--', ...argv]," : ''}
      });
      const run = runner.run({
        size: module.length, limits: {}, args: [], env: [],
        onStarted: () => console.log(runner.pid),
        onStdinWanted: () => {}, onOutput: async () => {},
      });
      await run.writeModule(module);`;
    const supervisor = spawn(
      process.execPath,
      [...process.execArgv.filter((flag) => !flag.startsWith('--test')), '--input-type=module', '-e', script],
      { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(supervisor.stdout, 'data')) as [Buffer];
    supervisor.kill('SIGKILL');
    await once(supervisor, 'exit');
    return Number(line.toString());
  }

  async function isGone(pid: number): Promise<boolean> {
    for (let waited = 0; waited < 5000; waited += 20) {
      // A zombie that nobody collects is gone, too: it holds no memory and runs nothing.
      const stat = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)])
        .stdout.toString()
        .trim();
      if (stat === '' || stat.startsWith('Z')) return true;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    process.kill(pid, 'SIGKILL');
    return false;
  }

  test('ends when its program waits', async () => {
    assert.ok(await isGone(await orphan(programs.sleep(60_000), false)));
  });

  test(
    'ends in a hot loop, too, where setpriv ties it to its parent',
    { skip: setpriv ? false : 'setpriv is not there' },
    async () => {
      assert.ok(await isGone(await orphan(programs.hotLoop(), true)));
    },
  );
});

test('nothing of the supervisor’s environment reaches the program', async () => {
  process.env['ENARX_TEST_SECRET'] = 'visible';
  try {
    const hello = readFileSync(join(import.meta.dirname, '../../../examples/hello/hello.wasm'));
    const { stdout } = await runToEnd(hello, { stdin: new Uint8Array(0), args: ['hello'] });
    assert.doesNotMatch(stdout.toString(), /environment/);
  } finally {
    delete process.env['ENARX_TEST_SECRET'];
  }
});
