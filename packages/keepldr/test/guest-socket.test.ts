// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { connectToGuest } from '../src/guest-socket.ts';
import { collect, listenOn, ownDirectory } from './support/sockets.ts';

test('a connection reaches the socket that the guest listens on', async () => {
  using directory = ownDirectory();
  using guest = await listenOn(join(directory.path, 'channel.sock'));
  const socket = connectToGuest(guest.path);
  const [accepted] = await Promise.all([guest.accept(), once(socket, 'connect')]);
  accepted.end('from the guest');
  assert.equal((await collect(socket)).toString(), 'from the guest');
  socket.destroy();
});

test('a name that is not there, a file, a directory and a FIFO are refused at once', () => {
  using directory = ownDirectory();
  const path = join(directory.path, 'channel.sock');
  assert.throws(() => connectToGuest(path), { code: 'ENOENT' });
  writeFileSync(path, '');
  assert.throws(() => connectToGuest(path), /is not a socket/);
  rmSync(path);
  mkdirSync(path);
  assert.throws(() => connectToGuest(path), /is not a socket/);
  rmSync(path, { recursive: true });
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  assert.throws(() => connectToGuest(path), /is not a socket/);
});

test('a symbolic link to a socket of the host is refused, and nothing reaches that socket', async () => {
  using directory = ownDirectory();
  using host = await listenOn(join(directory.path, 'container-engine.sock'));
  const path = join(directory.path, 'channel.sock');
  symlinkSync(host.path, path);
  assert.throws(() => connectToGuest(path), /is not a socket/);
  assert.equal(host.count(), 0);
});

test('a guest that swaps its socket for a link as fast as it can never has the host connect elsewhere', async () => {
  using directory = ownDirectory();
  using host = await listenOn(join(directory.path, 'host.sock'));
  using guest = await listenOn(join(directory.path, 'guest.sock'));
  const path = join(directory.path, 'channel.sock');
  const attack = `
    const { linkSync, symlinkSync, renameSync } = require('node:fs');
    const [, host, guest, path] = process.argv;
    process.stdout.write('begun');
    for (let i = 0; ; i += 1) {
      try { linkSync(guest, path + '.a'); } catch {}
      renameSync(path + '.a', path);
      try { symlinkSync(host, path + '.b'); } catch {}
      renameSync(path + '.b', path);
    }`;
  const attacker = spawn(process.execPath, ['--eval', attack, host.path, guest.path, path], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    await once(attacker.stdout, 'data');
    let connected = 0;
    let refused = 0;
    for (let i = 0; i < 3000; i += 1) {
      try {
        const socket = connectToGuest(path);
        socket.on('error', () => undefined);
        socket.destroy();
        connected += 1;
      } catch {
        refused += 1;
      }
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(connected > 0 && refused > 0, `${String(connected)} connected, ${String(refused)} refused`);
    assert.equal(host.count(), 0);
  } finally {
    attacker.kill('SIGKILL');
  }
  renameSync(guest.path, `${guest.path}.gone`);
});
