// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { bootId, referenceTo } from '@enarx/keepldr/processes';
import { formatKeepId } from '@enarx/protocol';

import { collect } from '../../keepldr/test/support/sockets.ts';
import { lockStateDirectory } from '../src/state/lock.ts';
import { openStateDirectory } from '../src/state/state-directory.ts';
import { startDaemon, startHost, stateDirectory } from './support/host.ts';

function ownDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'enarx-lock-'));
  return {
    path,
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

const nobody = { pid: 4_194_304, start: 1, boot: bootId(), mark: '0'.repeat(32) };

test('a lock that cannot be written is told as a directory that cannot be used', () => {
  using directory = ownDirectory();
  assert.throws(() => lockStateDirectory(join(directory.path, 'absent')), { code: 'keepmgr/state-unusable' });
});

test('a second daemon on one state directory is refused and told which process has it', async () => {
  const state = await stateDirectory();
  const first = await startDaemon(state.path);
  await assert.rejects(startDaemon(state.path), (error: Error) => {
    assert.match(error.message, /keepmgr\/state-locked/);
    assert.match(error.message, new RegExp(`process ${String(first.process.pid)}`));
    return true;
  });
  assert.equal((await first.client.ask('GET', '/v1/')).status, 200, 'the first goes on');
  await first.kill();
  const second = await startDaemon(state.path);
  assert.equal(
    (await second.client.ask('GET', '/v1/')).status,
    200,
    'the lock of a killed daemon is no lock',
  );
  await second.kill();
  state.remove();
});

test('a lock whose process id somebody else has by now is taken over', () => {
  using directory = ownDirectory();
  const [pid, start] = referenceTo(1) as readonly [number, number];
  for (const holder of [
    { ...nobody, pid, start: start + 1 },
    { ...nobody, pid, start, boot: 'another-boot' },
    nobody,
  ]) {
    writeFileSync(join(directory.path, 'lock'), JSON.stringify(holder));
    const release = lockStateDirectory(directory.path);
    assert.throws(() => lockStateDirectory(directory.path), { code: 'keepmgr/state-locked' });
    release();
    assert.deepEqual(readdirSync(directory.path), []);
  }
});

test('the lock of a process that runs is respected', () => {
  using directory = ownDirectory();
  const [pid, start] = referenceTo(1) as readonly [number, number];
  writeFileSync(join(directory.path, 'lock'), JSON.stringify({ ...nobody, pid, start }));
  assert.throws(() => lockStateDirectory(directory.path), {
    code: 'keepmgr/state-locked',
    found: 'process 1',
  });
});

test('a lock file that is damaged belongs to nobody, and locks that name each other are refused', () => {
  using directory = ownDirectory();
  const lock = join(directory.path, 'lock');
  for (const content of ['', 'null', '[]', '{"pid":1}', '{"pid":"1"}', 'x'.repeat(100_000)]) {
    writeFileSync(lock, content);
    lockStateDirectory(directory.path)();
  }
  writeFileSync(lock, JSON.stringify(nobody));
  writeFileSync(join(directory.path, `lock.${nobody.mark}`), JSON.stringify(nobody));
  assert.throws(() => lockStateDirectory(directory.path), { code: 'keepmgr/state-unusable' });
});

test('of processes that race for a lock that a killed one left, one at a time has it', async () => {
  using directory = ownDirectory();
  const script = `
    import { openSync, closeSync, rmSync } from 'node:fs';
    import { lockStateDirectory } from ${JSON.stringify(join(import.meta.dirname, '../src/state/lock.ts'))};
    const [, , directory] = process.argv;
    let held = 0;
    for (let i = 0; i < 40; i += 1) {
      let release;
      try { release = lockStateDirectory(directory); } catch (error) {
        if (error.code !== 'keepmgr/state-locked') { console.log(error.message); process.exit(1); }
        continue;
      }
      // Whoever is in here alone can make this file.
      closeSync(openSync(directory + '/alone', 'wx'));
      held += 1;
      rmSync(directory + '/alone');
      release();
    }
    console.log('held', held);`;
  const racer = join(directory.path, 'racer.mjs');
  writeFileSync(racer, script);
  for (let round = 0; round < 3; round += 1) {
    writeFileSync(join(directory.path, 'lock'), JSON.stringify(nobody));
    const racers = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--conditions=source', '--no-warnings', racer, directory.path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    const results = await Promise.all(racers.map(({ stdout }) => collect(stdout)));
    for (const said of results) assert.match(said.toString(), /^held \d+$/m);
  }
});

test('a state directory is made, and closed to other users', () => {
  using directory = ownDirectory();
  const path = join(directory.path, 'a', 'b');
  const opened = openStateDirectory(path);
  assert.equal(statSync(path).mode & 0o777, 0o700);
  opened.release();
  chmodSync(path, 0o777);
  openStateDirectory(path).release();
  assert.equal(statSync(path).mode & 0o777, 0o700, 'an open one is closed');
});

test(
  'a state directory that is a file, another user’s or not writable is refused',
  { skip: process.getuid?.() !== 0 && 'needs root to make one of another user' },
  () => {
    using directory = ownDirectory();
    const file = join(directory.path, 'file');
    writeFileSync(file, '');
    assert.throws(() => openStateDirectory(file), { code: 'keepmgr/state-unusable' });
    const others = join(directory.path, 'others');
    mkdirSync(others);
    assert.equal(spawnSync('chown', ['65534', others]).status, 0);
    assert.throws(() => openStateDirectory(others), { code: 'keepmgr/state-unusable' });
    const link = join(directory.path, 'link');
    symlinkSync('/proc', link);
    for (const path of [link, '/proc/a/b/c', '/dev/null', '/dev/null/a'])
      assert.throws(() => openStateDirectory(path), { code: 'keepmgr/state-unusable' }, path);
  },
);

const mounts = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;

test(
  'on a disk that is full no Keep is acknowledged, the daemon stays, and it works again when there is room',
  { skip: !mounts && 'needs root to mount a small disk' },
  async () => {
    using directory = ownDirectory();
    assert.equal(
      spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', directory.path]).status,
      0,
    );
    try {
      const seed = await stateDirectory();
      spawnSync('cp', ['-a', `${seed.path}/.`, directory.path]);
      seed.remove();
      await using host = await startHost({ state: directory.path });
      const before = await host.client.create();
      await host.client.reaches(before.id, 'ready', 'failed');
      const ballast = join(directory.path, 'ballast');
      spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4096'], { stdio: 'ignore' });
      await assert.rejects(host.client.create(), { kind: 'unavailable' });
      assert.equal((await host.client.show(before.id)).state, 'ready', 'what was there goes on');
      assert.equal((await host.client.list()).length, 1);
      rmSync(ballast);
      const later = await host.client.create();
      assert.equal((await host.client.reaches(later.id, 'ready', 'failed')).state, 'ready');
      for (const { id } of [before, later]) await host.client.remove(id);
      assert.deepEqual(readdirSync(join(directory.path, 'keeps')), [], 'the refused one left nothing');
    } finally {
      assert.equal(spawnSync('umount', ['--lazy', directory.path]).status, 0);
    }
  },
);

test('only who runs the daemon may read what it keeps, also where an earlier one left that open', async () => {
  const state = await stateDirectory();
  const files = ['state.db', 'state.db-wal', 'state.db-shm', 'simulator.cbor', 'keepldr.sock', 'lock'];
  const before = process.umask(0);
  try {
    writeFileSync(join(state.path, 'state.db'), '', { mode: 0o644 });
    await using host = await startHost({ state: state.path });
    const { id } = await host.client.create();
    for (const file of files) assert.equal(statSync(join(state.path, file)).mode & 0o777, 0o600, file);
    for (const directory of ['', 'keeps', `keeps/${formatKeepId(id)}`])
      assert.equal(statSync(join(state.path, directory)).mode & 0o777, 0o700, directory);
  } finally {
    process.umask(before);
  }
  state.remove();
});

test('what is in the directory of Keeps and is no Keep is left alone', async () => {
  const state = await stateDirectory();
  mkdirSync(join(state.path, 'keeps', 'somebody-elses'), { recursive: true });
  const unfinished = join(state.path, 'keeps', 'ab'.repeat(16));
  mkdirSync(join(unfinished, 'guest'), { recursive: true });
  {
    await using host = await startHost({ state: state.path });
    assert.deepEqual(await host.client.list(), []);
    assert.ok(existsSync(join(state.path, 'keeps', 'somebody-elses')));
    assert.ok(!existsSync(unfinished), 'a creation that was never acknowledged is tidied away');
  }
  state.remove();
});
