// SPDX-License-Identifier: Apache-2.0
//
// Who gives way where a Keep has no room for another connection.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Channels } from '../src/keeps/channels.ts';
import { defaultLimits } from '../src/limits.ts';

const server = createServer();
const sockets: Socket[] = [];
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => {
  server.close();
  for (const socket of sockets) socket.destroy();
});

const limits = { ...defaultLimits, channelsPerKeep: 2, channelIdle: 20 };
const longerThanIdle = 60;

async function pair(): Promise<readonly [Socket, Socket]> {
  const { port } = server.address() as AddressInfo;
  const near = connect(port, '127.0.0.1');
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ];
  for (const socket of [near, far]) {
    socket.on('error', () => undefined);
    sockets.push(socket);
  }
  return [near, far];
}

/** Opens a connection as a client and a loader would. Gives the two outer ends. */
async function openOne(channels: Channels): Promise<{ client: Socket; loader: Socket; close: () => void }> {
  const [loaderNear, loader] = await pair();
  const socket = await channels.open((stream) => {
    channels.accept(stream, loaderNear);
  });
  const [client, clientNear] = await pair();
  void channels.carry(clientNear, socket);
  loader.resume();
  client.resume();
  const close = (): void => {
    client.destroy();
    loader.destroy();
  };
  return { client, loader, close };
}

async function carried(from: Socket, to: Socket, bytes: number): Promise<void> {
  let seen = 0;
  const all = new Promise<void>((resolve) => {
    to.on('data', ({ length }: Buffer) => {
      seen += length;
      if (seen === bytes) resolve();
    });
  });
  from.write(Buffer.alloc(bytes));
  await all;
}

test('once a Keep is claimed, strangers do not put out its silent owner, and give way to each other', async () => {
  let claimed = false;
  const channels = new Channels(limits, () => claimed);
  const owner = await openOne(channels);
  await carried(owner.client, owner.loader, 1500);
  await carried(owner.loader, owner.client, 1500);
  claimed = true;
  const stranger = await openOne(channels);
  const gone = once(stranger.client, 'close');
  await sleep(longerThanIdle);
  const another = await openOne(channels);
  await gone;
  // The owner's is the idlest by far, and still carries.
  await carried(owner.loader, owner.client, 10);
  for (const { close } of [owner, stranger, another]) close();
});

test('where all that is open has got through a handshake to a claimed Keep, one more is refused', async () => {
  const channels = new Channels(limits, () => true);
  const open = [await openOne(channels), await openOne(channels)];
  for (const { client, loader } of open) await carried(client, loader, 2049);
  await sleep(longerThanIdle);
  await assert.rejects(openOne(channels), { code: 'keep/channels-full' });
  for (const { client, loader } of open) await carried(loader, client, 10);
  for (const { close } of open) close();
});

test('nobody owns a Keep that is not claimed, so whoever is silent gives way', async () => {
  const channels = new Channels(limits, () => false);
  const open = [await openOne(channels), await openOne(channels)];
  for (const { client, loader } of open) await carried(client, loader, 4096);
  await assert.rejects(
    openOne(channels),
    { code: 'keep/channels-full' },
    'they were not silent for long enough',
  );
  const gone = once(open[0]?.client as Socket, 'close');
  await sleep(longerThanIdle);
  open.push(await openOne(channels));
  await gone;
  for (const { close } of open) close();
});
