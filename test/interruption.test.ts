// SPDX-License-Identifier: Apache-2.0
//
// Ctrl-C at each moment of a run: it ends soon, and no host keeps a Keep for it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectTo, createServer, type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';

import { connect } from '@enarx/client';

import { events, start, startHost, type Running, type TestHost } from './support/enarx.ts';
import { eventually, nothingRunsIn } from './support/processes.ts';
import { programs } from './support/programs.ts';
import { sandbox, type DisposableSandbox } from './support/sandbox.ts';

let box: DisposableSandbox;
let host: TestHost;
let loop: string;

before(async () => {
  box = await sandbox();
  host = await startHost(box);
  loop = box.path('loop.wasm');
  writeFileSync(loop, programs.hotLoop());
});
after(async () => {
  await host[Symbol.asyncDispose]();
  await nothingRunsIn(box.root);
  box[Symbol.dispose]();
});

/** Less than what a host gives a Keep to end in order, on a machine that is busy. */
const soon = 4000;

async function reaches(running: Running, step: number): Promise<void> {
  await eventually(`step ${String(step)}`, () =>
    events(running.text('stderr')).some((event) => event['step'] === step),
  );
}

describe('a run that is interrupted ends soon and leaves no Keep', { concurrency: 2 }, () => {
  const moments: readonly (readonly [string, (running: Running) => Promise<unknown>])[] = [
    ...[1, 2, 3, 4, 6, 8, 9].map(
      (step) => [`at step ${String(step)}`, (running: Running) => reaches(running, step)] as const,
    ),
    ['while its program prints', (running) => once(running.stdout, 'data')],
  ];
  for (const where of ['another’s host', 'one’s own host']) {
    for (const [moment, reached] of moments) {
      test(`${moment}, on ${where}`, { timeout: 60_000 }, async () => {
        const at = where === 'another’s host' ? ['--host', host.url, '--anchor', host.anchor] : [];
        const running = start(box, ['run', '--json', ...at, loop]);
        await reached(running);
        const began = performance.now();
        running.child.kill('SIGINT');
        const { status, stderr } = await running.ended;
        const took = performance.now() - began;
        assert.equal(status, 130, stderr);
        assert.ok(took < soon, `${took.toFixed(0)} ms`);
        assert.ok(events(stderr).some(({ event, signal }) => event === 'interrupted' && signal === 'SIGINT'));
      });
    }
  }
  after(async () => {
    const client = connect({ url: host.url });
    await eventually('the host has no Keep', async () => (await client.keeps()).length === 0);
    client.close();
  });
});

test('a run that is interrupted before it knows the name of its Keep waits for it, and has it removed', async () => {
  const [asked, released] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  const between = createServer((near) => {
    const far = connectTo(Number(new URL(host.url).port), '127.0.0.1');
    near.pipe(far);
    far.on('data', (chunk: Uint8Array) => {
      asked.resolve(undefined);
      void released.promise.then(() => near.write(chunk));
    });
    for (const socket of [near, far])
      socket
        .on('error', () => undefined)
        .on('close', () => {
          near.destroy();
          far.destroy();
        });
  }).listen(0, '127.0.0.1');
  await once(between, 'listening');
  const url = `http://127.0.0.1:${String((between.address() as AddressInfo).port)}`;
  const running = start(box, ['run', '--json', '--host', url, '--anchor', host.anchor, loop]);
  await asked.promise;
  const client = connect({ url: host.url });
  assert.equal((await client.keeps()).length, 1);
  running.child.kill('SIGINT');
  await new Promise((resolve) => setTimeout(resolve, 300));
  released.resolve(undefined);
  assert.equal((await running.ended).status, 130);
  assert.deepEqual(await client.keeps(), []);
  client.close();
  between.close();
});

test('a second signal ends the command at once, whatever its host does', { timeout: 30_000 }, async () => {
  const path = box.path('silent.sock');
  const asked = Promise.withResolvers<undefined>();
  const silent = createServer((socket) => {
    socket.on('data', () => {
      asked.resolve(undefined);
    });
    socket.on('error', () => undefined);
  }).listen(path);
  const running = start(box, ['run', '--json', '--host', `unix:${path}`, loop]);
  await asked.promise;
  running.child.kill('SIGINT');
  await eventually('it says that it heard', () =>
    events(running.text('stderr')).some(({ event }) => event === 'interrupted'),
  );
  const began = performance.now();
  running.child.kill('SIGINT');
  assert.equal((await running.ended).status, 130);
  assert.ok(performance.now() - began < 1000);
  silent.close();
});
