// SPDX-License-Identifier: Apache-2.0
//
// The real daemon on a machine that fails it: a disk that is broken, full or read-only, a clock that is set, no descriptors left.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  createKeep,
  decodeProblem,
  encodeMessage,
  formatKeepId,
  type EnarxError,
  type Keep,
} from '@enarx/protocol';

import { sharedProcessor } from '../../../test/support/simulated-processor.ts';
import type { Client } from './support/client.ts';
import { Faults, faultsMissing, spawnFaulty, startFaulty, type FaultyDaemon } from './support/faults.ts';
import { eventually, processesOf, stateDirectory } from './support/host.ts';
import { open } from './support/raw.ts';

const skip = faultsMissing();
const errno = { EIO: 5, EMFILE: 24, ENOSPC: 28, EROFS: 30, EDQUOT: 122 } as const;

async function readyKeep({ client }: FaultyDaemon): Promise<Keep> {
  const { id } = await client.create();
  const keep = await client.reaches(id, 'ready', 'failed');
  assert.equal(keep.state, 'ready');
  return keep;
}

/** Nothing is acknowledged that would not be known later, and nobody is told less than a code. */
async function refusesToCreate(client: Client, code = 'keepmgr/state-unusable'): Promise<void> {
  await assert.rejects(client.create(), (error: EnarxError) => {
    assert.equal(error.code, code, error.message);
    return true;
  });
}

/** What must go on whatever becomes of the disk: answers, and the Keep that runs. */
async function goesOn({ client }: FaultyDaemon, { id }: Keep): Promise<void> {
  assert.equal((await client.ask('GET', '/healthz')).status, 200);
  assert.ok((await client.list()).some((keep) => formatKeepId(keep.id) === formatKeepId(id)));
  assert.match(await client.tell(id, 'pid'), /^\d+$/);
}

function onlyKeep(state: string, { id }: Keep): Promise<void> {
  return eventually('only the one Keep has a directory', () => {
    const names = readdirSync(join(state, 'keeps'));
    return names.length === 1 && names[0] === formatKeepId(id);
  });
}

describe('a disk', { concurrency: 2 }, () => {
  for (const name of ['EIO', 'ENOSPC', 'EROFS', 'EDQUOT'] as const)
    test(
      `that answers every write with ${name}: no Keep is acknowledged, those that run go on, and it heals`,
      { skip },
      async () => {
        const state = await stateDirectory();
        using faults = new Faults(state.path);
        await using daemon = await startFaulty(state.path, { env: faults.env });
        const keep = await readyKeep(daemon);
        faults.set('writeError', errno[name]);
        await refusesToCreate(daemon.client);
        await goesOn(daemon, keep);
        await daemon.client.tell(keep.id, 'claim');
        await daemon.client.reaches(keep.id, 'claimed');
        const lines = daemon.events();
        assert.ok(
          lines.some(({ event }) => event === 'record-not-written'),
          'the operator is told',
        );
        assert.ok(lines.some(({ code }) => code === 'keepmgr/state-unusable'));
        const cordon = await daemon.client.ask('POST', '/v1/cordon');
        assert.equal(cordon.status, 503, 'a cordon that would not last is not said to hold');
        faults.set('writeError', 0);
        await onlyKeep(state.path, keep);
        const second = await readyKeep(daemon);
        await daemon.client.remove(second.id);
        await daemon.client.remove(keep.id);
        state.remove();
      },
    );

  test(
    'whose syncs fail: what was not made durable is not acknowledged, and a restart knows all that was',
    { skip },
    async () => {
      const state = await stateDirectory();
      using faults = new Faults(state.path);
      const acknowledged: Keep[] = [];
      {
        const daemon = await startFaulty(state.path, { env: faults.env });
        acknowledged.push(await readyKeep(daemon));
        faults.set('syncError', errno.EIO);
        await refusesToCreate(daemon.client);
        await refusesToCreate(daemon.client);
        await goesOn(daemon, acknowledged[0] as Keep);
        faults.set('syncError', 0);
        acknowledged.push(await readyKeep(daemon));
        daemon.process.kill('SIGKILL');
        await daemon.ended;
      }
      await using next = await startFaulty(state.path);
      const known = new Map((await next.client.list()).map((keep) => [formatKeepId(keep.id), keep.state]));
      for (const { id } of acknowledged) {
        assert.equal(known.get(formatKeepId(id)), 'ready');
        known.delete(formatKeepId(id));
      }
      // Of a creation that was refused the record may be left, as of one that failed; nothing else of it.
      for (const state of known.values()) assert.equal(state, 'failed');
      assert.equal(readdirSync(join(state.path, 'keeps')).length, acknowledged.length);
      for (const { id } of await next.client.list()) await next.client.remove(id);
      state.remove();
    },
  );

  test('that cannot be read when the daemon starts: it ends and says so', { skip }, async () => {
    const state = await stateDirectory();
    await (await startFaulty(state.path))[Symbol.asyncDispose]();
    using faults = new Faults(state.path);
    faults.set('readError', errno.EIO);
    await using daemon = await spawnFaulty(state.path, { env: faults.env });
    assert.equal(await daemon.ended, 69);
    const failed = daemon.events().find(({ event }) => event === 'failed');
    assert.equal(failed?.['code'], 'keepmgr/state-unusable', daemon.log());
    state.remove();
  });

  const mounts = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
  test(
    'that is full: the same on a real file system',
    { skip: !mounts && 'needs a mount namespace (root)' },
    async () => {
      const state = await stateDirectory();
      const { file, anchorFile } = await sharedProcessor();
      const script = 'mount -t tmpfs -o size=8m,mode=700 none "$0" && exec "$@"';
      await using daemon = await startFaulty(state.path, {
        through: ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, state.path],
        env: { PATH: process.env['PATH'] ?? '' },
        arguments: ['--simulator', file, '--anchor', anchorFile],
      });
      const inside = `/proc/${String(daemon.process.pid)}/root${state.path}`;
      const keep = await readyKeep(daemon);
      fill(join(inside, 'filler'));
      await eventually('it is noticed', async () => {
        try {
          await daemon.client.remove((await daemon.client.create()).id);
          return false;
        } catch (error) {
          assert.equal((error as EnarxError).code, 'keepmgr/state-unusable');
          return true;
        }
      });
      await goesOn(daemon, keep);
      rmSync(join(inside, 'filler'));
      const second = await readyKeep(daemon);
      for (const { id } of [keep, second]) await daemon.client.remove(id);
      assert.deepEqual(readdirSync(join(inside, 'keeps')), []);
      state.remove();
    },
  );

  test('on which a file stands where the directory of Keeps was: typed, and over when it is put back', async () => {
    const state = await stateDirectory();
    await using daemon = await startFaulty(state.path);
    const keep = await readyKeep(daemon);
    const keeps = join(state.path, 'keeps');
    renameSync(keeps, `${keeps}-away`);
    writeFileSync(keeps, '');
    await refusesToCreate(daemon.client);
    assert.equal((await daemon.client.ask('GET', '/healthz')).status, 200);
    rmSync(keeps);
    renameSync(`${keeps}-away`, keeps);
    await goesOn(daemon, keep);
    await readyKeep(daemon);
    for (const { id } of await daemon.client.list()) await daemon.client.remove(id);
    state.remove();
  });

  test('whose state directory somebody removes: typed, and the daemon ends in order', async () => {
    const state = await stateDirectory();
    await using daemon = await startFaulty(state.path);
    const keep = await readyKeep(daemon);
    rmSync(state.path, { recursive: true, force: true });
    mkdirSync(state.path);
    await refusesToCreate(daemon.client);
    assert.equal((await daemon.client.show(keep.id)).state, 'ready');
    daemon.process.kill('SIGTERM');
    assert.equal(await daemon.ended, 0, daemon.log());
    await eventually('no process is left', () => processesOf(state.path).length === 0);
    state.remove();
  });
});

describe('a clock', { concurrency: 2 }, () => {
  const hour = 3_600_000;
  for (const [what, offset] of [
    ['an hour forward', hour],
    ['an hour back', -hour],
    ['ten years forward', 10 * 365 * 24 * hour],
  ] as const)
    test(
      `that is set ${what}: a lease lasts as long as it was granted for, to the second, and no Keep is lost`,
      { skip },
      async () => {
        const state = await stateDirectory();
        using faults = new Faults(state.path);
        await using daemon = await startFaulty(state.path, { env: faults.env });
        const { client } = daemon;
        const unleased = await readyKeep(daemon);
        const lease = 4000;
        const leased = await client.create('sim', { lease });
        const granted = performance.now();
        await client.reaches(leased.id, 'ready');
        faults.set('clockOffset', offset);
        const later = await client.create();
        const seen = later.created - Date.now();
        assert.ok(Math.abs(seen - offset) < 60_000, `the daemon has the time that was set: ${String(seen)}`);
        // A renewal under the new time counts from now, too.
        const renewed = await client.create('sim', { lease: 60_000 });
        const { expires = 0 } = await client.renew(renewed.id, 120_000);
        assert.ok(Math.abs(expires - (Date.now() + offset + 120_000)) < 60_000);
        const ended = await client.reaches(leased.id, 'exited', 'failed');
        const lasted = performance.now() - granted;
        assert.ok(lasted > lease - 500, `it lasted ${String(lasted)} ms`);
        assert.equal(ended.reason, 'keep/lease-expired');
        assert.equal((await client.show(unleased.id)).state, 'ready');
        assert.notEqual((await client.show(renewed.id)).reason, 'keep/lease-expired');
        // And back: whatever was written in between is kept and served.
        faults.set('clockOffset', 0);
        const known = (await client.list()).map(({ id }) => formatKeepId(id));
        for (const { id } of [unleased, leased, later, renewed]) assert.ok(known.includes(formatKeepId(id)));
        for (const { id } of await client.list()) await client.remove(id);
        state.remove();
      },
    );
});

describe('a daemon', () => {
  const prlimit = spawnSync('prlimit', ['--version']).status === 0;
  test(
    'that has no descriptors left refuses, says so, and serves again when it has some',
    { skip: !prlimit && 'needs prlimit' },
    async () => {
      const state = await stateDirectory();
      await using daemon = await startFaulty(state.path);
      const { client } = daemon;
      const pid = String(daemon.process.pid);
      const keep = await readyKeep(daemon);
      const openOnes = (): number => readdirSync(`/proc/${pid}/fd`).length;
      const atFirst = openOnes();
      const [, soft = '', hard = ''] =
        /^Max open files +(\d+) +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8')) ?? [];
      setDescriptors(pid, `${String(firstFree(pid) + 3)}:${hard}`);
      const sockets = await Promise.all(
        Array.from({ length: 24 }, () => open(client.port).catch(() => undefined)),
      );
      for (const socket of sockets) socket?.on('error', () => undefined);
      await sleep(300);
      // Whether anything gets through now is luck; that every answer is one of ours is not.
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, () => Promise.race([client.create(), sleep(3000).then(() => undefined)])),
      );
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') continue;
        const { code } = outcome.reason as EnarxError & NodeJS.ErrnoException;
        assert.ok(
          [
            'keepmgr/launch-failed',
            'keepmgr/state-unusable',
            'keepmgr/host-busy',
            'ECONNRESET',
            'EPIPE',
          ].includes(code),
          `${code}: ${String(outcome.reason)} ${daemon.log()}`,
        );
      }
      for (const socket of sockets) socket?.destroy();
      setDescriptors(pid, `${soft}:${hard}`);
      await eventually('it serves again', async () => {
        try {
          return (await client.show(keep.id)).state === 'ready';
        } catch {
          return false;
        }
      });
      assert.equal(daemon.process.exitCode, null);
      await goesOn(daemon, keep);
      await readyKeep(daemon);
      for (const { id } of await client.list()) await client.remove(id);
      await eventually('what was open is closed', () => openOnes() <= atFirst + 4);
      state.remove();
    },
  );

  test(
    'that has none left while a Keep is asked for: a code, no half of a Keep, and no end of the daemon',
    { skip: !prlimit && 'needs prlimit' },
    async () => {
      const state = await stateDirectory();
      await using daemon = await startFaulty(state.path);
      const { client } = daemon;
      const pid = String(daemon.process.pid);
      const socket = await open(client.port);
      const keep = await client.create();
      // Its loader is there; the next spare is wanted in a second. Until then the connection that asked for it closes.
      await sleep(300);
      setDescriptors(pid, `${String(firstFree(pid))}:4096`);
      await sleep(2500);
      assert.equal(daemon.process.exitCode, null, daemon.log());
      // Whether there is room cannot even be looked up.
      assert.equal((await createOn(socket)).code, 'keepmgr/host-busy');
      setDescriptors(pid, `${String(firstFree(pid) + 1)}:4096`);
      assert.equal((await createOn(socket)).code, 'keepmgr/launch-failed', daemon.log());
      setDescriptors(pid, '4096:4096');
      await sleep(1500);
      assert.equal(daemon.process.exitCode, null, daemon.log());
      await goesOn(daemon, keep);
      socket.destroy();
      for (const { id } of await client.list()) await client.remove(id);
      await eventually('nothing is left', () => readdirSync(join(state.path, 'keeps')).length === 0);
      state.remove();
    },
  );

  test('on a state directory that another has: it ends and names the other, who goes on', async () => {
    const state = await stateDirectory();
    await using first = await startFaulty(state.path);
    const keep = await readyKeep(first);
    await using second = await spawnFaulty(state.path);
    assert.equal(await second.ended, 69);
    const failed = second.events().find(({ event }) => event === 'failed');
    assert.equal(failed?.['code'], 'keepmgr/state-locked');
    assert.match(String(failed['detail']), new RegExp(String(first.process.pid)));
    await goesOn(first, keep);
    await first.client.remove(keep.id);
    assert.ok(existsSync(join(state.path, 'state.db')));
    state.remove();
  });
});

/** Asks for a Keep on a connection that is there already. */
async function createOn(socket: Socket): Promise<{ status: number; code: string | undefined }> {
  const body = encodeMessage(createKeep, { tee: 'sim' });
  const head = `POST /v1/keeps HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cbor\r\ncontent-length: ${String(body.length)}\r\n\r\n`;
  socket.write(Buffer.concat([Buffer.from(head), body]));
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(chunk.toString('latin1'))?.[1]);
  const content = chunk.subarray(chunk.indexOf('\r\n\r\n') + 4);
  return { status, code: status === 201 ? undefined : decodeProblem(content).code };
}

function fill(path: string): void {
  const { status } = spawnSync('dd', ['if=/dev/zero', `of=${path}`, 'bs=4096']);
  assert.notEqual(status, 0, 'dd stops only when the file system is full');
}

/** No descriptor below it can be opened. */
function firstFree(pid: string): number {
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let free = 0;
  while (open.has(free)) free += 1;
  return free;
}

function setDescriptors(pid: string, limit: string): void {
  assert.equal(spawnSync('prlimit', ['--pid', pid, `--nofile=${limit}`]).status, 0);
}
