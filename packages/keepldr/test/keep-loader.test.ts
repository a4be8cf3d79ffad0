// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { encodeFrameHead, encodeMessage, ldrAssigned, managerFrame } from '@enarx/protocol';

import { isAlive } from '../src/processes.ts';
import { processesOf } from './support/processes-of.ts';
import { startLoader, type ControlEnd, type Loader } from './support/manager.ts';
import { releaseWithStandIn } from './support/release.ts';
import { collect, eventually, listenOn } from './support/sockets.ts';

type Ready = Loader & { readonly first: ControlEnd };

async function ready(options?: Parameters<typeof startLoader>[0]): Promise<Ready> {
  const loader = await startLoader(options);
  const first = await loader.control();
  await first.reaches('ready');
  return { ...loader, first };
}

function guestOf(control: ControlEnd): readonly [number, number] {
  const [guest] = control.states.findLast(({ processes }) => processes !== undefined)?.processes ?? [];
  assert.ok(guest !== undefined);
  return guest;
}

describe('a loader', { concurrency: 4 }, () => {
  test('says who it is, where its Keep stands and what its processes are, and ends when its guest has ended', async () => {
    using loader = await ready();
    const { first: control } = loader;
    assert.deepEqual(control.hello.token, loader.launch.token);
    assert.ok(isAlive(guestOf(control)));
    assert.equal(await loader.tell(control, 'finish'), 'last words');
    await control.reaches('exited');
    assert.deepEqual(await loader.ended, [0, null]);
    assert.ok(!isAlive(guestOf(control)));
    assert.deepEqual(
      control.states.map(({ state }) => state).filter((state) => state !== 'launching'),
      ['ready', 'claimed', 'running', 'exited'],
    );
  });

  test('that is told to stop takes its guest with it, whatever a client keeps open', async () => {
    using loader = await ready();
    const { first: control } = loader;
    const client = await loader.relay(control, 77);
    client.write('spin\n');
    await once(client.resume(), 'data');
    const began = performance.now();
    await control.send(managerFrame.stop);
    assert.deepEqual(await loader.ended, [0, null]);
    assert.ok(performance.now() - began < 3000);
    assert.equal(control.states.at(-1)?.state, 'exited');
    assert.ok(!isAlive(guestOf(control)));
  });

  for (const sandbox of ['bubblewrap', 'setpriv', 'plain'] as const) {
    test(`whose guest is killed in ${sandbox} reports that it died, and leaves nothing`, async () => {
      using loader = await ready({ sandbox });
      const { first: control } = loader;
      const spinning = await loader.tell(control, 'spin');
      process.kill(guestOf(control)[0], 'SIGKILL');
      const failed = await control.reaches('failed');
      assert.equal(failed.reason, 'keepldr/guest-died');
      assert.deepEqual(await loader.ended, [0, null]);
      assert.match(spinning, /^[0-9]+$/);
      await eventually('no process of the Keep is left', () => processesOf(loader.directory).length === 0);
    });

    test(`that is killed takes its guest in ${sandbox} with it`, async () => {
      using loader = await ready({ sandbox });
      loader.child.kill('SIGKILL');
      await eventually('nothing of it is left', () => processesOf(loader.directory).length === 0);
    });
  }

  for (const [word, what] of [
    ['garbage', 'writes garbage to its device'],
    ['oversized', 'sends a state of 64 KiB'],
    ['skip', 'skips states'],
    ['flood-states', 'repeats a state'],
  ] as const) {
    test(`destroys a guest that ${what}`, async () => {
      using loader = await ready();
      const { first: control } = loader;
      await loader.tell(control, word);
      const failed = await control.reaches('failed');
      assert.equal(failed.reason, 'keepldr/guest-misbehaved');
      await loader.ended;
      assert.ok(!isAlive(guestOf(control)));
    });
  }

  test('whose guest puts a link to a socket of the host in the place of its own connects nowhere, and says so', async () => {
    using loader = await ready();
    const { first: control } = loader;
    using host = await listenOn(join(loader.directory, '..', 'host.sock'));
    assert.equal(await loader.tell(control, `link ${host.path}`), 'linked');
    await control.send(managerFrame.open, Uint8Array.of(0xa1, 0x66, ...Buffer.from('stream'), 0x18, 200));
    await eventually('it is in the log', () => control.logs.some((line) => line.startsWith('relay-failed')));
    assert.equal(host.count(), 0);
    assert.ok(isAlive(guestOf(control)));
  });

  test('names the request that asked for its Keep in all that it tells, and what its guest said as the guest’s', async () => {
    const request = new Uint8Array(8).fill(0xab);
    using loader = await ready({ request });
    const { first: control } = loader;
    await loader.tell(control, 'report');
    await eventually('its moment is told', () => control.moments.length === 1);
    assert.ok((control.moments[0]?.took ?? -1) >= 0);
    assert.equal(await loader.tell(control, 'finish'), 'last words');
    await loader.ended;
    assert.deepEqual(
      control.entries.filter(({ source }) => source === 'wasmldr').map(({ event }) => event),
      ['ready', 'evidence-given', 'claimed', 'running', 'exited'],
    );
    for (const entry of control.entries) assert.deepEqual(entry.request, request);
  });

  test('of the pool names the request that it was assigned to, from then on', async () => {
    using loader = await ready();
    const { first: control } = loader;
    const request = new Uint8Array(8).fill(0xcd);
    await control.send(managerFrame.assigned, encodeMessage(ldrAssigned, { request }));
    await loader.tell(control, 'claim');
    await eventually('the guest is claimed', () => control.logs.includes('claimed'));
    const requests = control.entries.map(({ event, request: named }) => [event, named?.length]);
    assert.deepEqual(requests, [
      ['ready', undefined],
      ['claimed', 8],
    ]);
  });

  test('of a guest that asks for evidence without end tells some of it', async () => {
    using loader = await ready();
    const { first: control } = loader;
    await loader.tell(control, 'flood-reports');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.ok(control.moments.length > 0);
    assert.ok(control.moments.length + control.entries.length < 20, 'fewer than a manager takes');
  });

  test('opens at most 32 relays at once', async () => {
    using loader = await ready();
    const { first: control } = loader;
    const before = loader.manager.count();
    for (let stream = 1; stream <= 40; stream += 1)
      await control.send(
        managerFrame.open,
        Uint8Array.of(0xa1, 0x66, ...Buffer.from('stream'), 0x18, 100 + stream),
      );
    await eventually('the relays are there', () => loader.manager.count() >= before + 32);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(loader.manager.count(), before + 32);
  });

  test('comes back to a manager that went away, says its state again, and delivers what it logged meanwhile', async () => {
    using loader = await ready();
    const { first: control } = loader;
    assert.equal(await loader.tell(control, 'claim'), 'claimed');
    await control.reaches('claimed');
    control.socket.destroy();
    const again = await loader.control();
    assert.equal((await again.reaches('claimed')).state, 'claimed');
    assert.deepEqual(again.states[0]?.processes, control.states.at(-1)?.processes);
    await again.send(managerFrame.stop);
    await loader.ended;
  });

  test('takes a manager that talks nonsense for none, and tries again', async () => {
    using loader = await ready();
    const { first: control } = loader;
    control.socket.write(Buffer.alloc(1024, 0xff));
    const second = await loader.control();
    await second.reaches('ready');
    await second.send(23);
    const third = await loader.control();
    await third.reaches('ready');
    await third.send(managerFrame.stop);
    await loader.ended;
  });

  test('whose manager does not come back destroys its Keep and itself after ten seconds, and not before', async () => {
    using loader = await ready();
    const { first: control } = loader;
    const guest = guestOf(control);
    const began = performance.now();
    loader.manager.server.close();
    control.socket.destroy();
    assert.deepEqual(await loader.ended, [0, null]);
    const waited = performance.now() - began;
    assert.ok(waited > 9000 && waited < 14_000, `${waited.toFixed(0)} ms`);
    assert.ok(!isAlive(guest));
  });

  test('is not kept alive by a manager that turns it away again and again', async () => {
    using loader = await ready();
    const { first: control } = loader;
    const guest = guestOf(control);
    loader.manager.server.on('connection', (socket) => socket.destroy());
    control.socket.destroy();
    await loader.ended;
    assert.ok(!isAlive(guest));
  });
});

test('what comes on standard input and is no launch ends the loader at once with a code', async () => {
  const release = await releaseWithStandIn();
  const frame = (kind: number, payload: Uint8Array): Buffer =>
    Buffer.concat([encodeFrameHead(kind, payload.length), payload]);
  for (const input of [
    Buffer.alloc(0),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    frame(1, new Uint8Array(0)),
    frame(0, Buffer.from('no CBOR')),
    frame(0, Uint8Array.of(0xa0)),
    encodeFrameHead(0, 1000).subarray(0, 3),
    Uint8Array.of(0x82, 0, 0x5b, 0, 0, 1, 0, 0, 0, 0, 0),
  ]) {
    const child = spawn(process.execPath, [join(release, 'keepldr.js')], {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    child.stdin.on('error', () => undefined).end(input);
    const [errors, ended] = await Promise.all([collect(child.stderr), once(child, 'exit')]);
    assert.deepEqual(ended, [1, null]);
    assert.match(errors.toString(), /^keepldr\/launch-missing: /);
  }
});
