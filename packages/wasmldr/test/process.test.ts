// SPDX-License-Identifier: Apache-2.0
//
// The program inside the TEE as the process that it is: bundled, with its device on descriptor 3 and its socket in its working directory.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { createIdentity, FrameStream, openChannel } from '@enarx/channel';
import {
  decodeMessage,
  encodeMessage,
  evidence,
  guestFrame,
  guestLaunch,
  guestState,
  maxFramePayload,
  reportRequest,
} from '@enarx/protocol';

import { programs } from '../../../test/support/programs.ts';
import { builtRelease } from '../../client/test/support/release.ts';
import { announce, hear, keepId, sendDeliver, sendModule } from './support/guest.ts';

interface Process extends AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<unknown>;
  reaches(word: string): Promise<void>;
  deliver(): Promise<FrameStream>;
}

async function startProcess(): Promise<Process> {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-guest-'));
  const child = spawn(process.execPath, [join(await builtRelease(), 'wasmldr.cjs'), 'argument'], {
    cwd: directory,
    env: { SECRET_OF_THE_HOST: 'must not get in', NODE_OPTIONS: '' },
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  const exited = once(child, 'exit');
  const device = new FrameStream(child.stdio[3] as Duplex);
  const states: string[] = [];
  let told = Promise.withResolvers<undefined>();
  void (async () => {
    await device.send(guestFrame.launch, encodeMessage(guestLaunch, { id: keepId, tee: 'sim' }));
    for await (const { kind, payload } of device) {
      if (kind === guestFrame.state) {
        states.push(decodeMessage(guestState, payload).state);
        told.resolve(undefined);
        told = Promise.withResolvers();
      } else {
        const { 'report-data': report } = decodeMessage(reportRequest, payload);
        const answer = { format: 'snp', report, endorsements: new Uint8Array(0) } as const;
        await device.send(guestFrame.evidence, encodeMessage(evidence, answer));
      }
    }
  })().catch(() => undefined);
  const reaches = async (word: string): Promise<void> => {
    while (!states.includes(word)) await told.promise;
  };
  await reaches('ready');
  return {
    pid: child.pid ?? 0,
    exited,
    reaches,
    deliver: async () => {
      const connection = connect({ path: join(directory, 'channel.sock') });
      const channel = await openChannel({ connection, identity: await createIdentity(), keepId });
      return (await channel.attest('deliver', () => Promise.resolve())).deliver();
    },
    [Symbol.asyncDispose]: async () => {
      device.destroy();
      await exited;
      rmSync(directory, { recursive: true });
    },
  };
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

/** Waits until the process runs no more; a zombie that nobody has waited for yet does not. */
async function gone(pid: number): Promise<void> {
  for (const deadline = Date.now() + 5000; Date.now() < deadline;) {
    await delay(20);
    try {
      if (/^State:\s+[ZX]/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))) return;
    } catch {
      return;
    }
  }
  throw new Error(`${String(pid)} still runs`);
}

function peakMemory(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) * 1024;
}

test('nothing of the host gets into the program or its runner, and the process ends with its work', async () => {
  await using guest = await startProcess();
  const frames = await guest.deliver();
  const environGet = { name: 'environ_get', params: ['i32', 'i32'] } as const;
  const shown = 256;
  const module = programs.callEach(
    [{ function: environGet, args: [512, 1024] }],
    [],
    [{ at: 1024, length: shown }],
  );
  await sendDeliver(frames, announce(module, { args: ['argv0'], env: [['MINE', 'yes']] }));
  const [runner] = childrenOf(guest.pid);
  assert.ok(runner !== undefined, 'the runner was not started before the workload came');
  assert.equal(readFileSync(`/proc/${String(runner)}/environ`, 'utf8'), '');
  assert.equal(readlinkSync(`/proc/${String(runner)}/cwd`), '/');
  await sendModule(frames, module);
  const { stdout, ended } = await hear(frames);
  // Four bytes of result, then what stands in memory.
  assert.equal(stdout.slice(4), 'MINE=yes'.padEnd(shown, '\0'));
  assert.deepEqual(ended, { how: 'exit', code: 0 });
  assert.deepEqual(await guest.exited, [0, null]);
});

test('a program that computes for ever is gone when the host closes the device', async () => {
  const guest = await startProcess();
  const frames = await guest.deliver();
  const module = programs.hotLoop();
  await sendDeliver(frames, announce(module));
  await sendModule(frames, module);
  await guest.reaches('running');
  const [runner = 0] = childrenOf(guest.pid);
  await guest[Symbol.asyncDispose]();
  await gone(runner);
  frames.destroy();
});

test('a module of 75 MB passes through without being held', async () => {
  await using guest = await startProcess();
  const before = peakMemory(guest.pid);
  const frames = await guest.deliver();
  const size = 75_000_000;
  await sendDeliver(frames, announce(new Uint8Array(1), { size }));
  const piece = new Uint8Array(maxFramePayload);
  const [runner = 0] = childrenOf(guest.pid);
  let left = size - 1;
  for (; left > 0; left -= Math.min(left, piece.length))
    await frames.send(1, piece.subarray(0, Math.min(left, piece.length)));
  const grown = peakMemory(guest.pid) - before;
  assert.ok(grown < size, `the supervisor grew by ${String(grown)} bytes`);
  // The runner holds it once.
  assert.ok(peakMemory(childrenOf(guest.pid)[0] ?? runner) < 2 * size + 60_000_000);
  frames.destroy();
});
