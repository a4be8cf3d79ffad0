// SPDX-License-Identifier: Apache-2.0
//
// A host that lies to a guest about its program's sockets. The guest never gets a connection for what it did not ask for, and never waits for ever.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';

import { FrameStream } from '@enarx/channel/frame-stream';
import {
  encodeFrameHead,
  encodeMessage,
  guestConnection,
  guestFrame,
  guestLaunch,
  guestListening,
  guestRefused,
} from '@enarx/protocol';

import { connectedPair } from '../../channel/test/support/pipe.ts';
import { Device } from '../src/device.ts';
import { HostSockets } from '../src/network/host-sockets.ts';
import { keepId } from './support/guest.ts';

interface Linked extends Disposable {
  readonly frames: FrameStream;
  readonly device: Device;
  readonly sockets: HostSockets;
  /** A connection from the host; the host's end. */
  connect(first?: Uint8Array): Promise<Socket>;
}

async function linked(): Promise<Linked> {
  const [host, guest] = await connectedPair();
  const frames = new FrameStream(host);
  await frames.send(guestFrame.launch, encodeMessage(guestLaunch, { id: keepId, tee: 'sim' }));
  const device = await Device.open(guest);
  const sockets = new HostSockets(device);
  const ends: Socket[] = [host, guest];
  return {
    frames,
    device,
    sockets,
    connect: async (first) => {
      const [ours, theirs] = await connectedPair();
      ends.push(ours, theirs);
      ours.on('error', () => undefined);
      sockets.accept(theirs);
      if (first !== undefined) ours.write(first);
      return ours;
    },
    [Symbol.dispose]: () => {
      for (const end of ends) end.destroy();
    },
  };
}

function head(number: number, kind = 0): Buffer {
  const payload = encodeMessage(guestConnection, { number });
  return Buffer.concat([encodeFrameHead(kind, payload.length), payload]);
}

async function cutOff(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.readableEnded && !socket.closed)
    await Promise.race([once(socket, 'end'), once(socket, 'close')]);
}

suite('a connection from the host', () => {
  for (const [what, bytes] of [
    ['for a socket that nobody asked for', head(9)],
    ['that begins with another kind of frame', head(3, 1)],
    ['that begins with no frame', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    [
      'that begins with more than a frame may have',
      Buffer.concat([encodeFrameHead(0, 200), Buffer.alloc(200)]),
    ],
    ['that begins with no message', Buffer.concat([encodeFrameHead(0, 2), Buffer.from('hi')])],
  ] as const)
    test(`${what} is cut off`, async () => {
      using link = await linked();
      void link.sockets.listen(3, { port: 1 }, () => assert.fail('connected')).catch(() => undefined);
      await cutOff(await link.connect(bytes));
    });

  test('for a listener is handed over with all that stands behind its first frame, in however small pieces it comes', async () => {
    using link = await linked();
    const { promise, resolve } = Promise.withResolvers<Buffer>();
    void link.sockets
      .listen(3, { port: 1 }, (stream) => stream.once('data', resolve).resume())
      .catch(() => undefined);
    const socket = await link.connect();
    for (const byte of head(3)) {
      socket.write(Uint8Array.of(byte));
      await new Promise((done) => setTimeout(done, 1));
    }
    socket.write('first bytes');
    assert.equal((await promise).toString(), 'first bytes');
  });

  test('for an outgoing connection counts once', async () => {
    using link = await linked();
    const dialled = link.sockets.dial(4, 'h', 1);
    await link.connect(head(4));
    await dialled;
    await cutOff(await link.connect(head(4)));
  });

  test('is cut off when too many others have said nothing yet', async () => {
    using link = await linked();
    for (let i = 0; i < 256; i += 1) await link.connect();
    await cutOff(await link.connect());
  });
});

suite('what the host says of sockets', () => {
  const listening = encodeMessage(guestListening, { number: 3, address: '127.0.0.1', port: 80 });
  const refused = encodeMessage(guestRefused, { number: 3, reason: 'refused' });

  for (const [what, kind, payload] of [
    ['a listener that nobody asked for', guestFrame.listening, listening],
    ['a refusal of nothing', guestFrame.refused, refused],
    ['a listener of another shape', guestFrame.listening, Buffer.from('a0', 'hex')],
  ] as const)
    test(`${what} ends the device`, async () => {
      using link = await linked();
      await link.frames.send(kind, payload);
      await link.device.closed;
    });

  test('a listener where a connection was asked for ends the device, and whoever waits for it is told', async () => {
    using link = await linked();
    const dialled = link.sockets.dial(3, 'h', 1);
    await link.frames.send(guestFrame.listening, listening);
    await assert.rejects(dialled, { code: 'wasmldr/host-gone' });
  });

  test('a refusal is told with its reason', async () => {
    using link = await linked();
    const dialled = link.sockets.dial(3, 'h', 1);
    await link.frames.send(guestFrame.refused, refused);
    await assert.rejects(dialled, { code: 'network/dial-failed' });
    const asked = link.sockets.listen(3, { port: 1 }, () => undefined);
    await link.frames.send(
      guestFrame.refused,
      encodeMessage(guestRefused, { number: 3, reason: 'not-allowed' }),
    );
    await assert.rejects(asked, { code: 'network/not-allowed' });
  });
});
