// SPDX-License-Identifier: Apache-2.0
//
// `enarx run` through the real processes of the built release: what a program gets and gives, and how it ends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { print03 } from '../packages/runtime/test/component/wasi03/programs.ts';
import { enarx, errorCode, events, start, startHost, type Result, type RunOptions } from './support/enarx.ts';
import { nothingRunsIn, processesOf } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { release, sandbox, type DisposableSandbox } from './support/sandbox.ts';

const hello = join(import.meta.dirname, '..', 'examples', 'hello', 'hello.wasm');
const withoutFullDevice = existsSync('/dev/full') ? false : 'needs /dev/full';
let box: DisposableSandbox;

before(async () => {
  box = await sandbox();
});
after(async () => {
  await nothingRunsIn(box.root);
  assert.deepEqual(readdirSync(box.path('tmp')), [], 'a run leaves no temporary file');
  box[Symbol.dispose]();
});

function program(name: string, bytes: Uint8Array): string {
  const file = box.path(name);
  writeFileSync(file, bytes);
  return file;
}

const run = (args: readonly string[], options?: RunOptions): Promise<Result> =>
  enarx(box, ['run', ...args], options);

test('a program built from Rust gets its arguments, environment, input, clocks and randomness, and its output and exit code come back', async () => {
  const config = program(
    'Enarx.toml',
    Buffer.from('args = ["from", "config"]\n[env]\nGREETING = "hello"\nOVER = "config"\n'),
  );
  const { status, stdout, stderr } = await run(
    ['--config', config, '--env', 'OVER=flag', '--env', 'NEW=1', hello, '--', 'typed', '--exit=42', '--json'],
    { input: 'first\nsecond', env: { SECRET_OF_THE_CLIENT: 'must stay here' } },
  );
  assert.equal(status, 42, stderr);
  const lines = stdout.split('\n');
  assert.deepEqual(lines.slice(0, 6), [
    'argument 0: hello.wasm',
    'argument 1: from',
    'argument 2: config',
    'argument 3: typed',
    'argument 4: --exit=42',
    'argument 5: --json',
  ]);
  const environment = lines.filter((line) => line.startsWith('environment ')).sort();
  assert.deepEqual(environment, [
    'environment GREETING: hello',
    'environment NEW: 1',
    'environment OVER: flag',
  ]);
  assert.ok(lines.includes('clock is set: true'));
  assert.match(stdout, /^random number: [0-9a-f]{16}$/m);
  assert.ok(lines.includes('line 1: first') && lines.includes('line 2: second'));
  assert.ok(lines.includes('lines read: 2'));
  assert.match(stderr, /^hello: done, clock moved on: true$/m);
});

test('a run without hardware says SIMULATED on standard error, never on the standard output of the program', async () => {
  const { stdout, stderr, status } = await run([program('print.wasm', programs.print('only this'))]);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, 'only this');
  assert.match(stderr, /SIMULATED/);
});

test('two runs see different random numbers', async () => {
  const [one, other] = await Promise.all([run([hello]), run([hello])]);
  const random = ({ stdout }: Result): string | undefined => /^random number: (.*)$/m.exec(stdout)?.[1];
  assert.notEqual(random(one), undefined);
  assert.notEqual(random(one), random(other));
});

test('-v shows the ten steps in order, with a time each, and every check of the verdict', async () => {
  const { stderr, status } = await run(['-v', program('nothing.wasm', programs.nothing())]);
  assert.equal(status, 0, stderr);
  const steps = [...stderr.matchAll(/^SIMULATED +(\d+) +[\d.]+ ms {2}\S/gm)].map(([, n]) => Number(n));
  assert.deepEqual(steps, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.match(stderr, /✓ policy\/report-data/);
  const unmarked = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('SIMULATED '));
  assert.deepEqual(unmarked, [], 'every line says what it is worth');
  assert.doesNotMatch(stderr, /✗/);
});

test('--json tells steps, checks and the end as lines of JSON', async () => {
  const { stderr, stdout, status } = await run(['--json', program('seven.wasm', programs.exit(7))]);
  assert.equal(status, 7, stderr);
  assert.equal(stdout, '');
  const told = events(stderr);
  assert.deepEqual(
    told.filter(({ event }) => event === 'step').map(({ step }) => step),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  assert.ok(told.some(({ event, simulated }) => event === 'simulated' && simulated === true));
  assert.deepEqual(told.at(-1), { event: 'ended', simulated: true, how: 'exit', code: 7 });
});

test('an exit code that does not fit is never cut to 0', async () => {
  const { status } = await run([program('256.wasm', programs.exit(256))]);
  assert.equal(status, 255);
});

test('a trap ends with 134 and names the functions', async () => {
  const { status, stderr, stdout } = await run([program('trap.wasm', programs.printThenTrap('before'))]);
  assert.equal(status, 134, stderr);
  assert.equal(stdout, 'before', 'what was printed before the trap is there');
  const deep = await run([program('deep.wasm', programs.trap('the_culprit'))]);
  assert.match(deep.stderr, /unreachable/);
  assert.match(deep.stderr, /the_culprit/);
});

test('a program that loops for ever is ended by its limits of wall and processor time with 137', async () => {
  const loop = program('loop.wasm', programs.hotLoop());
  const wall = await run(['--json', '--timeout', '300ms', loop]);
  assert.equal(wall.status, 137, wall.stderr);
  assert.equal(wall.stdout, 'begun\n');
  assert.deepEqual(events(wall.stderr).at(-1), {
    event: 'ended',
    simulated: true,
    how: 'limit',
    limit: 'wall',
    value: 300,
  });
  const config = program('cpu.toml', Buffer.from('[limits]\ncpu = "300ms"\n'));
  const cpu = await run(['--json', '--config', config, loop]);
  assert.equal(cpu.status, 137, cpu.stderr);
  assert.deepEqual(events(cpu.stderr).at(-1), {
    event: 'ended',
    simulated: true,
    how: 'limit',
    limit: 'cpu',
    value: 300,
  });
});

test('linear memory beyond the limit is denied to the program, which goes on', async () => {
  const { status, stderr } = await run([
    '--max-memory',
    '16MiB',
    program('memory.wasm', programs.memoryBomb()),
  ]);
  assert.equal(status, 7, stderr);
});

test('memory that grows without end in other ways is ended by the limit with 137', async () => {
  const { status, stderr } = await run(
    ['--json', '--max-memory', '64MiB', program('heap.wasm', programs.heapBomb())],
    { timeout: 120_000 },
  );
  assert.equal(status, 137, stderr);
  assert.deepEqual(events(stderr).at(-1), {
    event: 'ended',
    simulated: true,
    how: 'limit',
    limit: 'memory',
    value: 67_108_864,
  });
});

test('output without end is ended by its limit, and exactly that much has come', async () => {
  const config = program('output.toml', Buffer.from('[limits]\noutput = "1MiB"\n'));
  const { status, stdout, stderr } = await run(['--config', config, program('flood.wasm', programs.flood())]);
  assert.equal(status, 137, stderr);
  assert.equal(stdout.length, 1_048_576);
});

test('ten megabytes go through a program unchanged', async () => {
  const input = Buffer.alloc(10_000_000, 'The quick brown fox jumps over the lazy dog. ');
  const { status, stdout, stderr } = await run([program('echo.wasm', programs.echo())], { input });
  assert.equal(status, 0, stderr);
  assert.equal(stdout.length, input.length);
  assert.ok(stdout === input.toString());
});

test('a component of WASI 0.2 runs as the module does that it was made of', async () => {
  const component = join(import.meta.dirname, '../examples/component/hello.component.wasm');
  const given = (path: string): Promise<Result> =>
    run(['--argv0', 'hello', path, 'ünï'], { input: 'one line\n' });
  const [ours, theirs] = await Promise.all([given(component), given(hello)]);
  const withoutRandom = (text: string): string => text.replace(/random number: .*/, '');
  assert.equal(ours.status, 0, ours.stderr);
  assert.match(ours.stdout, /line 1: one line/);
  assert.equal(withoutRandom(ours.stdout), withoutRandom(theirs.stdout));
});

test('a component of WASI 0.3 runs where it is asked for, and is refused as experimental where it is not', async () => {
  const component = program('later.component.wasm', await print03('hello from 0.3\n'));
  const refused = await run(['--json', component]);
  assert.equal(errorCode(refused), 'client/component-experimental', refused.stderr);
  assert.equal(refused.status, 241);
  const { status, stdout, stderr } = await run(['--experimental-wasi03', component]);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, 'hello from 0.3\n');
});

test('a program that is not WebAssembly is refused with its reason', async () => {
  const cases = [
    ['notWasm', 242, 'client/module-malformed'],
    ['library', 242, 'wasm/no-start'],
    ['unknownImport', 241, 'wasm/unknown-import'],
    ['component', 241, 'client/component-unsupported'],
  ] as const;
  for (const [name, status, code] of cases) {
    const result = await run(['--json', program(`${name}.wasm`, programs[name]())]);
    assert.equal(errorCode(result), code, result.stderr);
    assert.equal(result.status, status);
    assert.equal(result.stdout, '');
  }
});

test('what makes no sense on the command line ends with 64 and starts nothing', async () => {
  const cases: readonly (readonly string[])[] = [
    [],
    ['--tee', 'sgxx', hello],
    ['--hst', 'http://127.0.0.1:1', hello],
    ['--timeout', 'soon', hello],
    ['--env', '=x', hello],
    ['--host', 'ftp://somewhere', hello],
    [box.path('no-such.wasm')],
    ['--config', box.path('no-such.toml'), hello],
  ];
  for (const args of cases) {
    const { status, stderr } = await run(args);
    assert.equal(status, 64, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, /^error: .*\n[\s\S]* {2}mend: /m);
  }
  assert.match((await run(['--tee', 'snpp', hello])).stderr, /did you mean snp\?/);
  assert.match((await run(['--polcy', 'x', hello])).stderr, /did you mean --policy/);
});

test('what is wrong with the files that are named is found before a host is asked', async () => {
  // Nobody listens there: whoever asked would end with 243.
  const nowhere = ['--host', 'http://127.0.0.1:9'] as const;
  for (const flag of ['--anchor', '--policy'] as const) {
    const missing = await run(['--json', ...nowhere, flag, box.path('no-such-file'), hello]);
    assert.equal(errorCode(missing), 'cli/file-unreadable');
  }
  const text = await run(['--json', ...nowhere, program('text.wasm', Buffer.from('(module)'))]);
  assert.equal(errorCode(text), 'client/module-malformed');
  assert.equal(text.status, 242);
});

test('SIMULATED is said of a Keep that exists, and of none that does not', async () => {
  const none = await run(['--host', 'http://127.0.0.1:9', hello]);
  assert.doesNotMatch(none.stderr, /SIMULATED|software/);
  const one = await run(['--verbose', program('nothing.wasm', programs.nothing())]);
  assert.match(one.stderr, /processor that vouches for this Keep is software[\s\S]*\n.* 1 .*kind sim/);
});

test('a flag of the program without -- before it is told where it belongs', async () => {
  const { status, stderr } = await run([hello, '--name', 'x']);
  assert.equal(status, 64);
  assert.match(stderr, /put `--` before the program's own arguments/);
  assert.doesNotMatch(stderr, /did you mean/);
});

test('a host that is not there is 243', async () => {
  const result = await run(['--json', '--host', 'http://127.0.0.1:9', hello]);
  assert.equal(result.status, 243);
  assert.equal(errorCode(result), 'client/host-unreachable');
});

test('a program whose output nobody reads comes to its own end, or is ended', async () => {
  const unread = (...args: readonly string[]): Promise<Result> => {
    const running = start(box, ['run', ...args]);
    running.stdout.destroy();
    running.stdin.end();
    return running.ended;
  };
  const own = await unread(hello, '--', '--exit=3');
  assert.equal(own.status, 3, own.stderr);
  const config = program('endless.toml', Buffer.from('[limits]\noutput = "1000GiB"\n'));
  const endless = await unread('--config', config, program('flood.wasm', programs.flood()));
  assert.equal(endless.status, 244, endless.stderr);
});

test('output that cannot be written is 244', { skip: withoutFullDevice }, () => {
  const full = openSync('/dev/full', 'w');
  try {
    const result = spawnSync(process.execPath, [join(release, 'enarx.js'), 'run', '--json', hello], {
      env: box.env,
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    assert.equal(result.status, 244, result.stderr);
    assert.match(result.stderr, /"code":"cli\/output-failed".*ENOSPC/);
  } finally {
    closeSync(full);
  }
});

test('a socket that the host refuses is no rejection: the program has been delivered', async () => {
  await using host = await startHost(box);
  const config = program(
    'refused.toml',
    Buffer.from('[[files]]\nkind = "connect"\nprot = "tcp"\nhost = "127.0.0.1"\nport = 9\n'),
  );
  const result = await run([
    '--json',
    '--host',
    host.url,
    '--anchor',
    host.anchor,
    '--config',
    config,
    hello,
  ]);
  assert.equal(errorCode(result), 'network/not-allowed');
  assert.equal(result.status, 241, result.stderr);
});

test('a kind of Keep that the host cannot make is 241', async () => {
  const policy = box.path('state', 'enarx', 'anchor.pem');
  assert.ok(existsSync(policy));
  const result = await run(['--json', '--tee', 'sgx', hello]);
  assert.equal(result.status, 241, result.stderr);
});

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} ends the Keep and everything of it, with ${String(status)}`, async () => {
    const running = start(box, ['run', program('loop.wasm', programs.hotLoop())]);
    await once(running.stdout, 'data');
    assert.ok(processesOf(box.root).some(({ program: name }) => name === 'wasmldr'));
    running.child.kill(signal);
    const ended = await running.ended;
    assert.equal(ended.status, status, ended.stderr);
    await nothingRunsIn(box.root);
  });
}

test('a program that waits for input ends when the command is stopped while its input stays open', async () => {
  const running = start(box, ['run', program('wait.wasm', programs.waitForInput())]);
  running.stdin.write('');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  running.child.kill('SIGTERM');
  assert.equal((await running.ended).status, 143);
});

test('the first run of a user makes the simulated processor, says so, and the next run uses it', async () => {
  using fresh = await sandbox({ fresh: true });
  const first = await enarx(fresh, ['run', program('nothing.wasm', programs.nothing())]);
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stderr, /Making the simulated processor/);
  const anchor = readFileSync(join(fresh.state, 'anchor.pem'), 'utf8');
  const second = await enarx(fresh, ['run', box.path('nothing.wasm')]);
  assert.equal(second.status, 0, second.stderr);
  assert.doesNotMatch(second.stderr, /Making/);
  assert.equal(readFileSync(join(fresh.state, 'anchor.pem'), 'utf8'), anchor);
  await nothingRunsIn(fresh.root);
});
