// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';

import { relay } from '../src/relay.ts';
import { collect, connectedPair, eventually, ownDirectory } from './support/sockets.ts';

interface Relayed extends Disposable {
  readonly client: Socket;
  readonly guest: Socket;
  /** The two inner ends, which the relay carries between. */
  readonly inner: readonly [Socket, Socket];
  readonly done: Promise<void>;
}

async function relayed(): Promise<Relayed> {
  const directory = ownDirectory();
  const [client, fromClient] = await connectedPair(directory.path);
  const [guest, fromGuest] = await connectedPair(directory.path);
  const done = relay(fromClient, fromGuest);
  return {
    client,
    guest,
    inner: [fromClient, fromGuest],
    done,
    [Symbol.dispose]: () => {
      for (const socket of [client, guest, fromClient, fromGuest]) socket.destroy();
      directory[Symbol.dispose]();
    },
  };
}

test('a relay carries four megabytes each way at once, unchanged', async () => {
  using link = await relayed();
  const up = randomBytes(4 << 20);
  const down = randomBytes(4 << 20);
  link.client.end(up);
  link.guest.end(down);
  const [atGuest, atClient] = await Promise.all([collect(link.guest), collect(link.client)]);
  const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  assert.equal(digest(atGuest), digest(up));
  assert.equal(digest(atClient), digest(down));
  await link.done;
});

test('the end of one direction is passed on and leaves the other open', async () => {
  using link = await relayed();
  link.client.end('question');
  assert.equal((await collect(link.guest)).toString(), 'question');
  link.guest.end('answer, after the end of the question');
  assert.equal((await collect(link.client)).toString(), 'answer, after the end of the question');
  await link.done;
});

test('when one side breaks off without an end, so does the other', async () => {
  for (const broken of ['client', 'guest'] as const) {
    using link = await relayed();
    const whole = broken === 'client' ? link.guest : link.client;
    const ended = once(whole.resume(), 'end');
    const [fromClient, fromGuest] = link.inner;
    (broken === 'client' ? fromClient : fromGuest).destroy(new Error('cut off'));
    await ended;
    await link.done;
  }
});

test('a side that closes with its own end, while the other still has something to say, takes the other with it', async () => {
  using link = await relayed();
  const [fromClient, fromGuest] = link.inner;
  // As a stream that is not `allowHalfOpen` does when the end of its peer comes.
  fromClient.once('end', () => fromClient.end());
  link.client.end();
  await once(fromClient, 'close');
  link.guest.write('words that nobody takes any more');
  await Promise.race([
    link.done,
    once(AbortSignal.timeout(5000), 'abort').then(() => assert.fail('the guest’s side stays open for ever')),
  ]);
  assert.equal(fromGuest.destroyed, true);
});

test('a stream that is destroyed before it is relayed takes the other with it', async () => {
  using directory = ownDirectory();
  const [client, fromClient] = await connectedPair(directory.path);
  const [guest, fromGuest] = await connectedPair(directory.path);
  fromGuest.destroy();
  await once(fromGuest, 'close');
  const ended = once(client.resume(), 'end');
  void relay(fromClient, fromGuest);
  await ended;
  client.destroy();
  guest.destroy();
});

test('a side that does not read holds the other back, and memory stays bounded', async () => {
  using link = await relayed();
  const chunk = Buffer.alloc(65_536);
  let sent = 0;
  // Nobody reads at the client's end: what is taken is what the kernel and the streams buffer, no more.
  await eventually('the writer is held back', () => {
    for (let i = 0; i < 16; i += 1) if (link.guest.writableLength < 1 << 20) link.guest.write(chunk);
    const taken = link.guest.bytesWritten - link.guest.writableLength;
    const steady = taken === sent && link.guest.writableLength >= 1 << 20;
    sent = taken;
    return steady;
  });
  assert.ok(sent < 4 << 20, `${String(sent)} bytes were taken for a reader that reads nothing`);
});
