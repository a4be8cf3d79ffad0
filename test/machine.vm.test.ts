// SPDX-License-Identifier: Apache-2.0
//
// Virtual machines through the commands that a user types: the image is built, booted by QEMU in emulation, attested and used. These tests run one after the other, with
// nothing else beside them: emulation has no processor to spare.
import assert from 'node:assert/strict';
import { createHash, type X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';

import { findTool } from '../packages/keepldr/src/sandbox/tool.ts';
import { enarx, events, start } from './support/enarx.ts';
import { nothingRunsIn, processesOf } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { sandbox, type DisposableSandbox } from './support/sandbox.ts';

const echo = join(import.meta.dirname, '..', 'examples', 'echo', 'echo.wasm');
const hello = join(import.meta.dirname, '..', 'examples', 'hello', 'hello.wasm');
/** Packages that were fetched once, for all tests of this user. */
const packages = join(tmpdir(), `enarx-test-packages-${userInfo().username}`);
const timeout = 170_000;
const tools = ['qemu-system-x86_64', 'apt-get', 'dpkg-deb', 'xz'];
const missing = tools.filter((name) => findTool(name) === undefined);
const skip = missing.length === 0 ? {} : { skip: `not installed: ${missing.join(', ')}` };

let box: DisposableSandbox;

before(async () => {
  if (missing.length > 0) return;
  box = await sandbox();
  const cache = join(box.state, 'packages');
  mkdirSync(packages, { recursive: true, mode: 0o700 });
  cpSync(packages, cache, { recursive: true });
  const { status, stderr } = await enarx(box, ['image', 'build'], { timeout });
  assert.equal(status, 0, stderr);
  for (const name of readdirSync(cache).filter((each) => each.endsWith('.deb')))
    if (!existsSync(join(packages, name))) copyFileSync(join(cache, name), join(packages, name));
});
after(async () => {
  if (missing.length > 0) return;
  await nothingRunsIn(box.root);
  assert.deepEqual(readdirSync(box.path('tmp')), [], 'a run leaves no temporary file');
  box[Symbol.dispose]();
});

test(
  'an image built elsewhere at another time is the same, byte for byte, and is what its manifest says',
  skip,
  async () => {
    const again = box.path('elsewhere', 'image');
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const options = ['--image', again, '--packages', join(box.state, 'packages')];
    const built = await enarx(box, ['image', 'build', ...options], {
      timeout,
      env: { TZ: 'Asia/Tokyo', LANG: 'tr_TR.UTF-8' },
    });
    assert.equal(built.status, 0, built.stderr);
    const names = readdirSync(again).sort();
    assert.deepEqual(names, [
      'firmware-tdx.fd',
      'firmware.fd',
      'image.cdx.json',
      'image.json',
      'initrd.cpio',
      'vmlinuz',
    ]);
    for (const name of names)
      assert.ok(readFileSync(join(again, name)).equals(readFileSync(join(box.state, 'image', name))), name);
    assert.equal((await enarx(box, ['image', 'verify', '--image', again], { timeout })).status, 0);
    const kernel = readFileSync(join(again, 'vmlinuz'));
    kernel[5000] = (kernel[5000] as number) ^ 1;
    writeFileSync(join(again, 'vmlinuz'), kernel);
    const verified = await enarx(box, ['image', 'verify', '--image', again], { timeout });
    assert.equal(verified.status, 10);
    assert.match(verified.stderr, /\[image\/differs\]/);
  },
);

test(
  'a program runs in a machine whose measurement the client knows from its own image, and nothing is left',
  skip,
  async () => {
    const args = ['run', '--tee', 'vm', '--memory', '512MiB', '-v', hello, 'one', 'two'];
    const { status, stdout, stderr } = await enarx(box, args, { timeout, input: 'a line\n' });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /argument 1: one\nargument 2: two\n/);
    assert.match(stdout, /lines read: 1/);
    assert.match(stderr, /^SIMULATED/);
    const { digests } = JSON.parse(readFileSync(join(box.state, 'image', 'image.json'), 'utf8')) as {
      digests: { snp: { digest: string }[] };
    };
    assert.ok(
      stderr.includes(
        `policy/snp-measurements: launch digest (MEASUREMENT): ${String(digests.snp[0]?.digest)}`,
      ),
    );
    await nothingRunsIn(box.root);
  },
);

test(
  'a server in a machine is reached through the host, with the key that was attested, and ends when its owner says so',
  skip,
  async () => {
    const config = box.path('Echo.toml');
    const streams = ['null', 'stdout', 'stderr'].map((kind) => `[[files]]\nkind = "${kind}"\n`);
    writeFileSync(config, `${streams.join('')}[[files]]\nkind = "listen"\nname = "echo"\nport = 0\n`);
    const args = ['run', '--tee', 'vm', '--memory', '512MiB', '--json', '--config', config, echo];
    const running = start(box, args, { timeout });
    const listening = (): Record<string, unknown> | undefined =>
      events(running.text('stderr')).find(({ event }) => event === 'listening');
    while (listening() === undefined && running.child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 100));
    const at = listening();
    assert.ok(at !== undefined, running.text('stderr'));
    const socket = connect({ host: '127.0.0.1', port: Number(at['port']), rejectUnauthorized: false });
    try {
      await once(socket, 'secureConnect');
      const { publicKey } = socket.getPeerX509Certificate() as X509Certificate;
      const spki = publicKey.export({ type: 'spki', format: 'der' });
      assert.equal(createHash('sha256').update(spki).digest('hex'), at['key']);
      const sent = Buffer.alloc(200_000, 'into the machine and back. ');
      socket.write(sent);
      let received = Buffer.alloc(0);
      for await (const chunk of socket) {
        received = Buffer.concat([received, chunk as Buffer]);
        if (received.length >= sent.length) break;
      }
      assert.ok(received.equals(sent));
    } finally {
      socket.destroy();
      running.child.kill('SIGTERM');
    }
    await running.ended;
    await nothingRunsIn(box.root);
  },
);

test(
  'programs that take memory, print and compute without end are held to their limits in their machines',
  skip,
  async () => {
    const file = (name: string, content: Uint8Array | string): string => {
      writeFileSync(box.path(name), content);
      return box.path(name);
    };
    const machine = ['run', '--tee', 'vm', '--memory', '512MiB', '--json'];
    const output = file('output.toml', '[limits]\nmemory = "16MiB"\noutput = "1MiB"\n');
    const flood = file('flood.wasm', programs.memoryBombThenFlood());
    const loop = file('loop.wasm', programs.hotLoop());
    const [flooded, looped] = await Promise.all([
      enarx(box, [...machine, '--config', output, flood], { timeout }),
      enarx(box, [...machine, '--timeout', '2s', loop], { timeout }),
    ]);
    assert.equal(flooded.status, 137, flooded.stderr);
    assert.equal(flooded.stdout.length, 1_048_576);
    assert.deepEqual([...Buffer.from(flooded.stdout.slice(0, 4))], [0, 1, 0, 0], '256 pages, and no more');
    assert.equal(events(flooded.stderr).at(-1)?.['limit'], 'output');
    assert.equal(looped.status, 137, looped.stderr);
    assert.equal(looped.stdout, 'begun\n');
    assert.equal(events(looped.stderr).at(-1)?.['limit'], 'wall');
    await nothingRunsIn(box.root);
  },
);

test(
  'the launch secret goes its ten steps into a machine, and each says what was checked',
  skip,
  async () => {
    const { status, stdout, stderr } = await enarx(box, ['run', '--tee', 'sev', '-v', hello], { timeout });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /lines read: 0/);
    const steps = [...stderr.matchAll(/^(?:SIMULATED )? ?(\d+) +[\d.]+ ms {2}/gm)].map(([, n]) => Number(n));
    assert.deepEqual(steps, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const id of [
      'sev/ark-anchor',
      'launch/policy',
      'launch/measurement',
      'launch/key',
      'launch/possession',
    ])
      assert.match(stderr, new RegExp(`✓ ${id}: `));
    await nothingRunsIn(box.root);
  },
);

test(
  'a host that boots another image than the client has is found out, and sees no program',
  skip,
  async () => {
    const other = box.path('other-image');
    cpSync(join(box.state, 'image'), other, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(other, 'image.json'), 'utf8')) as { commandLine: string };
    manifest.commandLine = manifest.commandLine.replace('quiet', 'quiet enarx.other');
    writeFileSync(join(other, 'image.json'), JSON.stringify(manifest));
    const address = `unix:${box.path('h.sock')}`;
    const anchor = join(box.state, 'anchor.pem');
    const manager = start(
      box,
      [
        'keepmgr',
        '--listen',
        address,
        '--state',
        box.path('mgr'),
        '--image',
        other,
        '--simulator',
        join(box.state, 'simulator.cbor'),
        '--anchor',
        anchor,
      ],
      { timeout },
    );
    try {
      while (!existsSync(box.path('h.sock'))) await new Promise((resolve) => setTimeout(resolve, 50));
      const run = await enarx(box, ['run', '--host', address, '--anchor', anchor, '--tee', 'vm', hello], {
        timeout,
      });
      assert.equal(run.status, 240, run.stderr);
      assert.match(run.stderr, /policy\/snp-measurements/);
      assert.equal(run.stdout, '');

      const { stdout: id } = await enarx(box, ['keep', 'create', '--host', address, '--tee', 'vm'], {
        timeout,
      });
      const keep = id.trim();
      const machines = (): number[] =>
        processesOf(box.root)
          .filter(({ program }) => program.startsWith('qemu'))
          .map(({ id: process }) => process);
      while (machines().length === 0) await new Promise((resolve) => setTimeout(resolve, 100));
      const state = async (): Promise<string> =>
        (await enarx(box, ['keep', 'show', '--host', address, keep], { timeout })).stdout;
      while ((await state()).includes('launching')) await new Promise((resolve) => setTimeout(resolve, 500));
      for (const process_ of machines()) process.kill(process_, 'SIGKILL');
      while (!(await state()).includes('failed')) await new Promise((resolve) => setTimeout(resolve, 200));
      assert.match(await state(), /keepldr\/guest-died/);
      assert.deepEqual(machines(), []);
      assert.equal(existsSync(join(box.path('mgr'), 'keeps', keep, 'guest')), false);
    } finally {
      manager.child.kill('SIGTERM');
      await manager.ended;
    }
  },
);

test(
  'a machine that was booted before anybody asked is attested and used like any other, and another takes its place',
  { ...skip, timeout: 600_000 },
  async () => {
    const config = box.path('pool.toml');
    writeFileSync(config, '[pool]\nvm = 1\n');
    const address = `unix:${box.path('p.sock')}`;
    const anchor = join(box.state, 'anchor.pem');
    const manager = start(
      box,
      [
        'keepmgr',
        '--listen',
        address,
        '--state',
        box.path('pooled'),
        '--image',
        join(box.state, 'image'),
      ].concat(['--simulator', join(box.state, 'simulator.cbor'), '--anchor', anchor], ['--config', config]),
      { timeout: 600_000 },
    );
    try {
      while (!existsSync(box.path('p.sock'))) await new Promise((resolve) => setTimeout(resolve, 50));
      const ready = async (): Promise<boolean> =>
        (await enarx(box, ['platform', '--host', address], { timeout })).stdout.includes(
          '1 of 1 Keeps are ready',
        );
      while (!(await ready())) await new Promise((resolve) => setTimeout(resolve, 500));
      const [machine] = processesOf(box.root).filter(({ program }) => program.startsWith('qemu'));
      const policy = ['--image', join(box.state, 'image')];
      const run = await enarx(
        box,
        ['run', '--host', address, '--anchor', anchor, '--tee', 'vm', ...policy, '--json', hello],
        { timeout },
      );
      assert.equal(run.status, 0, run.stderr);
      const created = events(run.stderr).find(({ step }) => step === 2);
      assert.match(String(created?.['detail']), /, ready$/, 'it had booted');
      assert.ok(machine !== undefined);
      while (processesOf(box.root).some(({ id }) => id === machine.id))
        await new Promise((resolve) => setTimeout(resolve, 100));
      while (!(await ready())) await new Promise((resolve) => setTimeout(resolve, 500));
    } finally {
      manager.child.kill('SIGTERM');
      await manager.ended;
    }
  },
);
