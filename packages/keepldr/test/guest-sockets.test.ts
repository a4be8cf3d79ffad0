// SPDX-License-Identifier: Apache-2.0
//
// The host's sockets for a program, over real ones on loopback: who gets which connection, what the guest is told first, and what is refused.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';

import { encodeFrameHead, encodeMessage, guestConnection } from '@enarx/protocol';

import { GuestSockets, SocketRefused } from '../src/sockets/guest-sockets.ts';
import type { SocketRules } from '../src/sockets/rules.ts';
import { collect, listenOn, ownDirectory, type Listener } from './support/sockets.ts';

interface Guest extends Disposable {
  readonly sockets: GuestSockets;
  /** Where connections for the program come. */
  readonly network: Listener;
}

async function guestWith(rules: Partial<SocketRules>, halfOpen?: number): Promise<Guest> {
  const directory = ownDirectory();
  const network = await listenOn(join(directory.path, 'network.sock'));
  const sockets = new GuestSockets({ listen: [], dial: [], ...rules }, halfOpen);
  sockets.attach(() => connect({ path: network.path, allowHalfOpen: true }));
  return {
    sockets,
    network,
    [Symbol.dispose]: () => {
      void sockets.drained();
      network[Symbol.dispose]();
      directory[Symbol.dispose]();
    },
  };
}

/** What a guest is sent before the bytes of whoever is connected. */
function first(number: number): Buffer {
  const payload = encodeMessage(guestConnection, { number });
  return Buffer.concat([encodeFrameHead(0, payload.length), payload]);
}

async function client(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function serverOnLoopback(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

function refuses(reason: SocketRefused['reason']): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SocketRefused, String(error));
    assert.equal(error.reason, reason);
    return true;
  };
}

suite('a listener of a program', () => {
  test('has each connection brought to the guest: its number first, then the bytes, both ways and half-open', async () => {
    using guest = await guestWith({ listen: ['127.0.0.1:*'] });
    const { number, address, port } = await guest.sockets.listen({ number: 300, port: 0 });
    assert.deepEqual([number, address], [300, '127.0.0.1']);
    for (const said of ['one', 'another']) {
      const outside = await client(port);
      outside.end(said);
      const inside = await guest.network.accept();
      assert.equal(Buffer.compare(await collect(inside), Buffer.concat([first(300), Buffer.from(said)])), 0);
      inside.end(`you said ${said}`);
      assert.equal((await collect(outside)).toString(), `you said ${said}`);
    }
  });

  test('lets nobody keep a relay who says nothing more after the guest has ended', async () => {
    using guest = await guestWith({ listen: ['127.0.0.1:*'] }, 300);
    const { port } = await guest.sockets.listen({ number: 3, port: 0 });
    const silent = await client(port);
    const speaking = await client(port);
    const [one, other] = [await guest.network.accept(), await guest.network.accept()];
    // The guest's own silence, before its end, is a program's to bound.
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(silent.destroyed, false);
    one.end('408');
    other.end('half');
    const speech = setInterval(() => speaking.write('b'), 100);
    const began = performance.now();
    const gone = once(silent.resume(), 'end').then(() => once(one.resume(), 'close'));
    await gone;
    assert.ok(performance.now() - began >= 250);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(other.destroyed, false);
    clearInterval(speech);
    speaking.end();
    await collect(other);
    silent.destroy();
  });

  test('is opened only where a rule of the operator allows it', async () => {
    const { server, port } = await serverOnLoopback();
    server.close();
    using guest = await guestWith({ listen: [`127.0.0.1:${String(port)}`] });
    for (const asked of [
      { number: 3, port: 0 },
      { number: 3, port: port === 65_535 ? 65_534 : port + 1 },
      { number: 3, port, address: '0.0.0.0' },
    ])
      await assert.rejects(guest.sockets.listen(asked), refuses('not-allowed'), JSON.stringify(asked));
    // What was refused took nothing.
    assert.equal((await guest.sockets.listen({ number: 3, port })).port, port);
  });

  test('on a port that somebody has is refused as such', async () => {
    const { server, port } = await serverOnLoopback();
    using guest = await guestWith({ listen: ['127.0.0.1:*'] });
    await assert.rejects(guest.sockets.listen({ number: 3, port }), refuses('address-in-use'));
    server.close();
  });

  test('is one for each descriptor, and not more than 64 altogether', async () => {
    using guest = await guestWith({ listen: ['127.0.0.1:*'] });
    await guest.sockets.listen({ number: 0, port: 0 });
    await assert.rejects(guest.sockets.listen({ number: 0, port: 0 }), refuses('too-many'));
    for (let number = 1; number < 64; number += 1) await guest.sockets.listen({ number, port: 0 });
    await assert.rejects(guest.sockets.listen({ number: 64, port: 0 }), refuses('too-many'));
  });

  test('that is closed takes nobody new, and leaves the connections that it took', async () => {
    using guest = await guestWith({ listen: ['127.0.0.1:*'] });
    const { port } = await guest.sockets.listen({ number: 3, port: 0 });
    const outside = await client(port);
    const inside = await guest.network.accept();
    guest.sockets.close(3);
    await assert.rejects(client(port), { code: 'ECONNREFUSED' });
    outside.end('still here');
    assert.equal(
      Buffer.compare(await collect(inside), Buffer.concat([first(3), Buffer.from('still here')])),
      0,
    );
    inside.end();
    // A guest that asks for it once more gets none: its descriptor is used up.
    await assert.rejects(guest.sockets.listen({ number: 3, port: 0 }), refuses('too-many'));
  });

  test('of a guest that cannot be reached resets whoever connects', async () => {
    const sockets = new GuestSockets({ listen: ['127.0.0.1:*'], dial: [] });
    const { port } = await sockets.listen({ number: 3, port: 0 });
    const outside = connect({ host: '127.0.0.1', port });
    const [error] = (await once(outside, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNRESET');
    await sockets.drained();
  });
});

suite('a connection of a program', () => {
  test('is made where a rule allows it, and brought to the guest as one that came', async () => {
    const { server, port } = await serverOnLoopback();
    server.on('connection', (socket: Socket) => {
      void collect(socket).then((question) => socket.end(`answer to ${question.toString()}`));
    });
    using guest = await guestWith({ dial: [`127.0.0.1:${String(port)}`] });
    // A component may connect again, one after the other.
    for (const question of ['one', 'another']) {
      await guest.sockets.dial({ number: 4, host: '127.0.0.1', port });
      const inside = await guest.network.accept();
      inside.end(question);
      assert.equal(
        Buffer.compare(
          await collect(inside),
          Buffer.concat([first(4), Buffer.from(`answer to ${question}`)]),
        ),
        0,
      );
    }
    server.close();
  });

  test('is refused where no rule allows it, where nobody listens, and for a name that nobody has', async () => {
    const { server, port } = await serverOnLoopback();
    server.close();
    using guest = await guestWith({ dial: [`127.0.0.1:${String(port)}`, 'nobody.invalid:1'] });
    const dial = (number: number, host: string, to: number): Promise<void> =>
      guest.sockets.dial({ number, host, port: to });
    await assert.rejects(dial(1, '127.0.0.2', port), refuses('not-allowed'));
    await assert.rejects(dial(1, 'localhost', port), refuses('not-allowed'));
    await assert.rejects(dial(2, '127.0.0.1', port), refuses('refused'));
    await assert.rejects(dial(3, 'nobody.invalid', 1), refuses('name-unknown'));
    assert.equal(guest.network.count(), 0);
  });

  test('to any public host never leads to this machine, by address or by name', async () => {
    const { server, port } = await serverOnLoopback();
    let came = 0;
    server.on('connection', () => (came += 1));
    using guest = await guestWith({ dial: [`*:${String(port)}`] });
    for (const host of ['127.0.0.1', '::1', '::ffff:127.0.0.1', 'localhost', '0.0.0.0'])
      await assert.rejects(guest.sockets.dial({ number: 1, host, port }), refuses('not-allowed'), host);
    assert.equal(came, 0);
    server.close();
  });

  test('is one at a time for each descriptor, and none for one that listens', async () => {
    const { server, port } = await serverOnLoopback();
    using guest = await guestWith({ listen: ['127.0.0.1:*'], dial: [`127.0.0.1:${String(port)}`] });
    await guest.sockets.listen({ number: 3, port: 0 });
    await assert.rejects(guest.sockets.dial({ number: 3, host: '127.0.0.1', port }), refuses('too-many'));
    const under = guest.sockets.dial({ number: 4, host: '127.0.0.1', port });
    await assert.rejects(guest.sockets.dial({ number: 4, host: '127.0.0.1', port }), refuses('too-many'));
    await under;
    server.close();
  });
});

suite('when the guest has gone', () => {
  test('nothing new is taken, and what was on its way still comes through', async () => {
    using guest = await guestWith({ listen: ['127.0.0.1:*'] });
    const { port } = await guest.sockets.listen({ number: 3, port: 0 });
    const outside = await client(port);
    const inside = await guest.network.accept();
    let over = false;
    const drained = guest.sockets.drained().then(() => (over = true));
    await assert.rejects(client(port), { code: 'ECONNREFUSED' });
    await assert.rejects(guest.sockets.listen({ number: 4, port: 0 }), refuses('too-many'));
    inside.end('last words');
    assert.equal((await collect(outside)).toString(), 'last words');
    assert.equal(over, false);
    outside.end();
    assert.equal(Buffer.compare(await collect(inside), first(3)), 0);
    await drained;
  });
});
