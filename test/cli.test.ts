// SPDX-License-Identifier: Apache-2.0
//
// The command line itself: where it finds its Node, what it says, and Keeps one step at a time.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import { tees } from '@enarx/protocol';

import { enarx, errorCode, startHost, type Result, type TestHost } from './support/enarx.ts';
import { eventually, nothingRunsIn } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { release, sandbox, type DisposableSandbox } from './support/sandbox.ts';

const root = join(import.meta.dirname, '..');
const packaged = join(root, 'node_modules', `node-${process.platform}-${process.arch}`);
let box: DisposableSandbox;
let host: TestHost;

before(async () => {
  box = await sandbox();
  host = await startHost(box);
});
after(async () => {
  await host[Symbol.asyncDispose]();
  await nothingRunsIn(box.root);
  box[Symbol.dispose]();
});

/** A Node as an old machine has it: it says its version, and would fail at our command. */
function oldNode(version: string): string {
  const directory = box.path(`node-${version}`);
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'node');
  writeFileSync(
    file,
    `#!/bin/sh\n[ "$1" = -p ] && echo ${version} && exit\necho "old node was started" >&2; exit 99\n`,
  );
  chmodSync(file, 0o755);
  return directory;
}

/** An installed copy of the package. @param node - where npm put the packaged Node, below the installation; nowhere without it */
function installation(name: string, node?: string): string {
  const top = box.path(name);
  const at = join(top, 'node_modules', '@enarx', 'cli');
  cpSync(join(root, 'packages', 'cli', 'bin'), join(at, 'bin'), { recursive: true });
  symlinkSync(release, join(at, 'release'));
  if (node !== undefined) {
    mkdirSync(dirname(join(top, node)), { recursive: true });
    symlinkSync(packaged, join(top, node));
  }
  mkdirSync(join(top, 'node_modules', '.bin'));
  symlinkSync('../@enarx/cli/bin/enarx', join(top, 'node_modules', '.bin', 'enarx'));
  return join(top, 'node_modules', '.bin', 'enarx');
}

function shell(
  command: string,
  args: readonly string[],
  path: string,
): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(command, args, {
    env: { ...box.env, PATH: `${path}:/usr/bin:/bin` },
    encoding: 'utf8',
  });
  return { status, text: stdout + stderr };
}

const skipWithoutPackage = existsSync(packaged) ? false : 'needs the packaged Node of this platform';
const packageName = `node-${process.platform}-${process.arch}`;

test(
  'bin/enarx finds the packaged Node, hoisted or nested, through links, whatever Node the shell has',
  { skip: skipWithoutPackage },
  () => {
    const path = oldNode('20.20.2');
    const commands = [
      installation('hoisted', `node_modules/${packageName}`),
      installation('nested', `node_modules/@enarx/cli/node_modules/${packageName}`),
      join(root, 'packages', 'cli', 'bin', 'enarx'),
    ];
    const link = box.path('enarx-link');
    symlinkSync(commands[0] ?? '', link);
    for (const command of [...commands, link]) {
      const { status, text } = shell(command, ['--version'], path);
      assert.equal(status, 0, text);
      assert.match(text, /^\d+\.\d+\.\d+\n$/);
    }
  },
);

test('without the packaged Node a Node 26 on PATH does', () => {
  const { status, text } = shell(installation('bare'), ['--version'], dirname(process.execPath));
  assert.equal(status, 0, text);
});

test('with neither, bin/enarx says which Node is needed, what it found, and how to get it', () => {
  const command = installation('without');
  const old = shell(command, ['--version'], oldNode('22.1.0'));
  assert.equal(old.status, 70);
  assert.match(
    old.text,
    /Node 26 or later is needed[\s\S]*found: Node 22\.1\.0[\s\S]*mend: .*\n.*https:\/\/nodejs\.org/,
  );
});

test('npx runs it from a shell whose Node is older', { skip: skipWithoutPackage }, () => {
  const { status, stdout, stderr } = spawnSync('npx', ['enarx', '--version'], {
    cwd: root,
    env: { ...box.env, npm_config_update_notifier: 'false' },
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('--help teaches: every command has one, with its exit statuses where they differ', async () => {
  const top = await enarx(box, ['--help']);
  assert.equal(top.status, 0);
  for (const command of ['run', 'keepmgr', 'keep', 'platform'])
    assert.match(top.stdout, new RegExp(`^  ${command} +\\S`, 'm'));
  assert.match(
    top.stdout,
    /Exit status: 0 accepted, 10 rejected, 20 unsupported, 30 malformed, 64 usage, 69 host unavailable, 70 internal/,
  );
  const run = await enarx(box, ['run', '--help']);
  assert.match(
    run.stdout,
    /240 rejected, 241 unsupported, 242 malformed, 243 host unavailable, 244 internal/,
  );
  assert.match(run.stdout, /134 when it traps, 137 when it passes a limit/);
  assert.equal((await enarx(box, [])).status, 0);
});

test('a mistyped command is 64 and told what was most likely meant', async () => {
  for (const [typed, meant] of [
    [['kep', 'ls'], 'keep'],
    [['keep', 'lst'], 'ls'],
    [['platfrom'], 'platform'],
  ] as const) {
    const { status, stderr } = await enarx(box, typed);
    assert.equal(status, 64);
    assert.match(stderr, new RegExp(`did you mean .*\`${meant}\``));
  }
});

const keep = (...args: string[]): Promise<Result> =>
  enarx(box, ['keep', args[0] ?? '', '--json', '--host', host.url, ...args.slice(1)]);
const json = ({ stdout, stderr, status }: Result): unknown => {
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
};

test('a Keep, one step at a time: create, ls, show, attest, run, attest again, logs, stop, rm', async () => {
  const { id } = json(await keep('create')) as { id: string };
  assert.match(id, /^[0-9a-f]{32}$/);
  const key = join(box.state, 'owners', `${id}.pem`);
  assert.equal(statSync(key).mode & 0o777, 0o600, 'the key of its owner is for nobody else');

  const list = json(await keep('ls')) as { id: string; tee: string }[];
  assert.ok(list.some((entry) => entry.id === id && entry.tee === 'sim'));
  await eventually(
    'it is ready',
    async () => (json(await keep('show', id)) as { state: string }).state === 'ready',
  );

  const unknown = await keep('attest', id);
  assert.equal(unknown.status, 10, 'without its anchor it is rejected');
  assert.equal((JSON.parse(unknown.stdout) as { verdict: string }).verdict, 'rejected');
  const verdict = json(await keep('attest', '--anchor', host.anchor, id)) as Record<string, unknown>;
  assert.equal(verdict['verdict'], 'accepted');
  assert.equal(verdict['simulated'], true);

  const echo = box.path('echo.wasm');
  writeFileSync(echo, programs.echo());
  const ran = await enarx(box, ['keep', 'run', '--host', host.url, '--anchor', host.anchor, id, echo], {
    input: 'to the Keep',
  });
  assert.equal(ran.status, 0, ran.stderr);
  assert.equal(ran.stdout, 'to the Keep');
  const second = await keep('run', '--anchor', host.anchor, id, echo);
  assert.notEqual(second.status, 0, 'a Keep takes one program, once');

  const log = json(await keep('logs', id)) as { event: string }[];
  assert.ok(log.some(({ event }) => event === 'state-running'));
  assert.equal((json(await keep('stop', id)) as { state: string }).state, 'exited');
  assert.deepEqual(json(await keep('rm', id)), { removed: [id] });
  assert.equal(existsSync(key), false);
  const gone = await keep('show', id);
  assert.equal(gone.status, 64);
  assert.equal(errorCode(gone), 'keep/unknown');
});

test('a running program is attested again with a fresh nonce, goes on when its command has left, and only its owner could have delivered it', async () => {
  const { id } = json(await keep('create')) as { id: string };
  const loop = box.path('loop.wasm');
  writeFileSync(loop, programs.hotLoop());
  const detached = await enarx(box, [
    'keep',
    'run',
    '--detach',
    '--host',
    host.url,
    '--anchor',
    host.anchor,
    id,
    loop,
  ]);
  assert.equal(detached.status, 0, detached.stderr);
  assert.equal((json(await keep('show', id)) as { state: string }).state, 'running');
  assert.equal(
    (json(await keep('attest', '--anchor', host.anchor, id)) as { verdict: string }).verdict,
    'accepted',
  );
  using stranger = await sandbox();
  const refused = await enarx(stranger, [
    'keep',
    'run',
    '--json',
    '--host',
    host.url,
    '--anchor',
    host.anchor,
    id,
    loop,
  ]);
  assert.equal(errorCode(refused), 'cli/not-owner');
  assert.equal(refused.status, 64);
  json(await keep('stop', id));
});

test('attach hears a detached program again: its input, its output and its exit code, and only for its owner', async () => {
  const trusted = ['--host', host.url, '--anchor', host.anchor] as const;
  const left = async (name: string, bytes: Uint8Array): Promise<string> => {
    const { id } = json(await keep('create')) as { id: string };
    const file = box.path(name);
    writeFileSync(file, bytes);
    const detached = await enarx(box, ['keep', 'run', '--detach', ...trusted, id, file]);
    assert.equal(detached.status, 0, detached.stderr);
    assert.match(detached.stderr, new RegExp(`enarx keep attach ${id}`));
    return id;
  };
  const attach = (id: string, input = '', from = box): Promise<Result> =>
    enarx(from, ['keep', 'attach', ...trusted, id], { input });

  // It prints nothing before it is given something, which only whoever attaches does.
  const echo = await left('echo-detached.wasm', programs.echo());
  using stranger = await sandbox();
  const refused = await attach(echo, '', stranger);
  assert.equal(refused.status, 64);
  assert.match(refused.stderr, /cli\/not-owner/);
  const unknown = await enarx(box, ['keep', 'attach', '--host', host.url, echo]);
  assert.equal(unknown.status, 240, 'a Keep that is not trusted is not attached to');
  const heard = await attach(echo, 'given later');
  assert.equal(heard.status, 0, heard.stderr);
  assert.equal(heard.stdout, 'given later');

  const seven = await left('seven.wasm', programs.exit(7));
  assert.equal((await attach(seven)).status, 7, 'it came to its end by itself');
});

test('rm --all removes every Keep of the host', async () => {
  await Promise.all([keep('create'), keep('create')]);
  json(await keep('rm', '--all'));
  assert.deepEqual(json(await keep('ls')), []);
  assert.deepEqual(readdirSync(join(box.state, 'owners')), []);
  assert.equal((await keep('rm')).status, 64);
  assert.equal((await keep('rm', '--all', '00'.repeat(16))).status, 64);
});

test('rm removes each Keep that is there, with its key, before it says which is not', async () => {
  const { id } = json(await keep('create')) as { id: string };
  const mistyped = await keep('rm', id, 'x');
  assert.equal(mistyped.status, 64);
  assert.ok(existsSync(join(box.state, 'owners', `${id}.pem`)), 'nothing was removed');
  const result = await keep('rm', id, 'f'.repeat(32));
  assert.equal(errorCode(result), 'keep/unknown');
  assert.deepEqual(json(await keep('ls')), []);
  assert.deepEqual(readdirSync(join(box.state, 'owners')), []);
});

test('ids that are none, hosts that are none and files that are none are told apart', async () => {
  for (const id of ['x', '../../etc', 'A'.repeat(32), '0'.repeat(31)]) {
    const result = await keep('show', id);
    assert.equal(result.status, 64);
    assert.equal(errorCode(result), 'client/keep-id-invalid');
  }
  const unknown = await keep('show', '0'.repeat(32));
  assert.equal(errorCode(unknown), 'keep/unknown');
  const nobody = await enarx(box, ['keep', 'ls', '--json', '--host', 'http://127.0.0.1:9']);
  assert.equal(nobody.status, 69);
  const socket = await enarx(box, ['keep', 'ls', '--json', '--host', `unix:${box.path('no.sock')}`]);
  assert.equal(socket.status, 69);
  const kind = await enarx(box, ['keep', 'create', '--json', '--host', host.url, '--tee', 'tdx']);
  assert.equal(kind.status, 20);
  assert.equal(errorCode(kind), 'tee/unsupported');
});

test('a keepmgr says when it cannot be, and why', async () => {
  const busy = await enarx(box, ['keepmgr', '--json', '--listen', host.url, '--state', box.path('busy')]);
  assert.equal(busy.status, 69);
  assert.equal(errorCode(busy), 'keepmgr/listen-failed');
  const outside = await enarx(box, [
    'keepmgr',
    '--json',
    '--listen',
    'http://0.0.0.0:0',
    '--state',
    box.path('out'),
  ]);
  assert.equal(outside.status, 64);
  const second = await enarx(box, [
    'keepmgr',
    '--json',
    '--listen',
    'http://127.0.0.1:0',
    '--state',
    host.state,
  ]);
  assert.equal(second.status, 69);
  assert.equal(errorCode(second), 'keepmgr/state-locked');
});

test('a keepmgr takes a relative or empty XDG_STATE_HOME for none', async () => {
  for (const [index, command] of (['command', 'keepmgr'] as const).entries())
    for (const value of ['', 'relative']) {
      const home = box.path(`home-${String(index)}-${value}`);
      mkdirSync(home);
      const args =
        command === 'command' ? [join(release, 'enarx.js'), 'keepmgr'] : [join(release, 'keepmgr.js')];
      const child = spawn(process.execPath, [...args, '--listen', 'http://127.0.0.1:0'], {
        cwd: home,
        env: { ...box.env, HOME: home, XDG_STATE_HOME: value },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      await once(child.stdout, 'data');
      child.kill('SIGTERM');
      await once(child, 'close');
      assert.ok(existsSync(join(home, '.local', 'state', 'enarx', 'anchor.pem')));
      assert.ok(!existsSync(join(home, 'enarx')) && !existsSync(join(home, 'relative')));
    }
});

test('platform says of this machine and of a host what they can do, each probe with its remedy', async () => {
  for (const args of [[], ['--host', host.url]]) {
    const { backends } = json(await enarx(box, ['platform', '--json', ...args])) as {
      backends: {
        tee: string;
        usable: boolean;
        probes: { pass: boolean; found: string; remedy?: string }[];
      }[];
    };
    assert.deepEqual(
      backends.map(({ tee }) => tee),
      [...tees],
    );
    assert.equal(backends[0]?.usable, true);
    for (const { probes } of backends)
      for (const { pass, remedy } of probes) assert.ok(pass || remedy !== undefined);
  }
  const text = await enarx(box, ['platform']);
  assert.match(text.stdout, /^sim {2}usable\n {2}✓ /m);
  assert.doesNotMatch(text.stdout, /\u001b/, 'no colour into a pipe');
});

test('config init writes a file that is valid and says what holds anyway; check finds what is wrong', async () => {
  const file = box.path('new.toml');
  assert.equal((await enarx(box, ['config', 'init', file])).status, 0);
  const checked = json(await enarx(box, ['config', 'check', '--json', file]));
  assert.deepEqual(checked, { args: [], env: {}, limits: {} });
  assert.equal((await enarx(box, ['config', 'init', file])).status, 64, 'it is not written over');
  // Every example of the template is one that may be used as it stands.
  const uncommented = readFileSync(file, 'utf8').replace(/^#(?=[\w[])/gm, '');
  writeFileSync(box.path('used.toml'), uncommented);
  json(await enarx(box, ['config', 'check', '--json', box.path('used.toml')]));
  for (const [text, line, expected] of [
    ['args = ["a"]\n[limits]\nmemroy = 1\n', 3, /did you mean memory\?/],
    ['args = "a"\n', 1, /an array/],
    ['[[files]]\nkind = "sdtin"\n', 2, /stdin/],
    ['[env]\n"A=B" = "c"\n', 2, /without =/],
    ['limits = { wall = "5 parsecs" }\n', 1, /a time like/],
    ['args = [\n', 2, /TOML/],
  ] as const) {
    writeFileSync(file, text);
    const { status, stderr } = await enarx(box, ['config', 'check', file]);
    assert.equal(status, 30, stderr);
    assert.match(stderr, new RegExp(`new\\.toml:${String(line)}:`), stderr);
    assert.match(stderr, expected);
  }
});

test('a home in which nothing can be made keeps no command waiting', { timeout: 30_000 }, async () => {
  for (const env of [{ HOME: '/proc' }, { HOME: box.path('absent') }, { XDG_CACHE_HOME: '/proc' }]) {
    const { status, stderr } = await enarx(box, ['config', 'init'], { env });
    assert.equal(status, 0, stderr);
  }
});
