// SPDX-License-Identifier: Apache-2.0
//
// Many connections over one, with a hostile other side.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { suite, test } from 'node:test';

import { encodeMessage, portCredit, portFrame, portStream } from '@enarx/protocol';

import { FrameStream } from '../src/frame-stream.ts';
import { mostConnections, Port, portWindow, type ConnectionUse } from '../src/port.ts';
import { connectedPair } from './support/pipe.ts';

/** All that comes, without the end of the other direction: an async iterator would destroy both. */
async function bytesOf(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

async function text(stream: Duplex): Promise<string> {
  return (await bytesOf(stream)).toString('utf8');
}

/** Whether orderly or not. */
function gone(stream: Duplex): Promise<void> {
  stream.on('error', () => undefined);
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else
      stream.once('close', () => {
        resolve();
      });
  });
}

interface Ends {
  readonly host: Port;
  readonly guest: Port;
  /** Connections that the guest was handed. */
  readonly next: () => Promise<Duplex>;
  readonly closed: Promise<Error | undefined>;
}

async function ends(): Promise<Ends> {
  const [one, other] = await connectedPair();
  const waiting: ((stream: Duplex) => void)[] = [];
  const arrived: Duplex[] = [];
  const closed = Promise.withResolvers<Error | undefined>();
  const host = new Port(one, 'host');
  const guest = new Port(other, 'guest', {
    connection: (stream) => {
      stream.on('error', () => undefined);
      const wanted = waiting.shift();
      if (wanted === undefined) arrived.push(stream);
      else wanted(stream);
    },
    closed: closed.resolve,
  });
  return {
    host,
    guest,
    closed: closed.promise,
    next: () => {
      const stream = arrived.shift();
      return stream === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(stream);
    },
  };
}

/** A port whose other side is written frame by frame. */
async function hostile(): Promise<{
  frames: FrameStream;
  closed: Promise<Error | undefined>;
  opened: Duplex[];
}> {
  const [one, other] = await connectedPair();
  const closed = Promise.withResolvers<Error | undefined>();
  const opened: Duplex[] = [];
  new Port(other, 'guest', {
    connection: (stream) => {
      stream.on('error', () => undefined);
      opened.push(stream);
    },
    closed: closed.resolve,
  });
  one.on('error', () => undefined);
  return { frames: new FrameStream(one), closed: closed.promise, opened };
}

const stream = (id: number): Uint8Array => encodeMessage(portStream, id);

suite('connections over a port', () => {
  test('bytes go both ways, and each side ends by itself', async () => {
    const { host, next } = await ends();
    const here = host.open().on('error', () => undefined);
    const there = await next();
    here.end('question');
    assert.equal(await text(there), 'question');
    there.end('answer');
    assert.equal(await text(here), 'answer');
    host.destroy();
  });

  test('each is handed over for what it was opened for, in the order of the openings', async () => {
    const [one, other] = await connectedPair();
    const handed: [ConnectionUse, Duplex][] = [];
    const guest = new Port(other, 'guest', {
      connection: (stream, use) => {
        handed.push([use, stream.on('error', () => undefined)]);
      },
    });
    const host = new Port(one, 'host');
    const uses = ['socket', 'channel', 'socket', 'socket', 'channel'] as const;
    for (const [index, use] of uses.entries()) {
      const opened = host.open(use).on('error', () => undefined);
      opened.end(`${use} ${String(index)}`);
    }
    // Without a word it is a channel.
    const opened = host.open().on('error', () => undefined);
    opened.end('channel 5');
    while (handed.length < 6) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      handed.map(([use]) => use),
      [...uses, 'channel'],
    );
    for (const [index, [use, stream]] of handed.entries())
      assert.equal(await text(stream), `${use} ${String(index)}`);
    host.destroy();
    guest.destroy();
  });

  test('many at once keep their bytes apart, whole and in order', async () => {
    const { host, next } = await ends();
    const digests = await Promise.all(
      Array.from({ length: 20 }, async (_each, index) => {
        const bytes = randomBytes(700_000 + index);
        const here = host.open().on('error', () => undefined);
        const there = await next();
        here.end(bytes);
        const received = await bytesOf(there);
        return [received, bytes].map((each) => createHash('sha256').update(each).digest('hex'));
      }),
    );
    const received = digests.map(([got]) => got).sort();
    const sent = digests.map(([, gave]) => gave).sort();
    assert.deepEqual(received, sent);
    host.destroy();
  });

  test('a reader that does not read stops its own writer at the window, and no other connection', async () => {
    const { host, next } = await ends();
    const stuck = host.open();
    stuck.on('error', () => undefined);
    await next();
    for (let handed = 0; handed < 16 * portWindow; handed += 65_536) stuck.write(Buffer.alloc(65_536));
    const lively = host.open().on('error', () => undefined);
    const there = await next();
    const bytes = randomBytes(5 * portWindow);
    lively.end(bytes);
    assert.ok((await bytesOf(there)).equals(bytes));
    assert.ok(stuck.writableLength > 0, 'the other still waits');
    host.destroy();
  });

  test('a connection that is broken off here breaks there', async () => {
    const { host, next } = await ends();
    const here = host.open().on('error', () => undefined);
    const there = await next();
    here.destroy();
    await gone(there);
    assert.equal(there.readableEnded, false);
    host.destroy();
  });

  test('whoever waits for credit on a connection that breaks is told', async () => {
    const { host, next } = await ends();
    const here = host.open().on('error', () => undefined);
    const there = await next();
    const failed = new Promise((resolve) => here.once('error', resolve));
    here.write(Buffer.alloc(4 * portWindow));
    await new Promise((resolve) => setTimeout(resolve, 20));
    there.destroy();
    await failed;
    host.destroy();
  });

  test('when the port goes, all connections go, and it is told once', async () => {
    const { host, next, closed } = await ends();
    const here = host.open().on('error', () => undefined);
    here.on('error', () => undefined);
    const there = await next();
    host.destroy();
    await Promise.all([gone(here), gone(there)]);
    assert.equal(await closed, undefined);
    const late = host.open();
    await gone(late);
    assert.ok(late.destroyed);
  });

  test('more connections than there is room for are refused, and the others go on', async () => {
    const { host, next } = await ends();
    const all = Array.from({ length: mostConnections }, () => host.open().on('error', () => undefined));
    const one = await next();
    const tooMany = host.open();
    await gone(tooMany);
    all[0]?.end('still here');
    assert.equal(await text(one), 'still here');
    host.destroy();
  });
});

suite('a hostile other side', () => {
  const attacks: readonly (readonly [string, (frames: FrameStream) => Promise<unknown>])[] = [
    ['opens a number of ours', (frames) => frames.send(portFrame.open, stream(1))],
    [
      'opens a number twice',
      async (frames) => {
        await frames.send(portFrame.open, stream(0));
        await frames.send(portFrame.open, stream(0));
      },
    ],
    [
      'sends more than the window',
      async (frames) => {
        await frames.send(portFrame.open, stream(0));
        await frames.send(portFrame.select, stream(0));
        // What is taken into its buffer is granted anew, so that twice the window may lie there.
        for (let sent = 0; sent <= 4 * portWindow; sent += 65_536)
          await frames.send(portFrame.data, Buffer.alloc(65_536));
      },
    ],
    [
      'sends behind its end',
      async (frames) => {
        await frames.send(portFrame.open, stream(0));
        await frames.send(portFrame.end, stream(0));
        await frames.send(portFrame.select, stream(0));
        await frames.send(portFrame.data, Buffer.from('x'));
      },
    ],
    [
      'grants credit for more than the window',
      async (frames) => {
        await frames.send(portFrame.open, stream(0));
        await frames.send(portFrame.credit, encodeMessage(portCredit, { stream: 0, bytes: 16_777_216 }));
      },
    ],
    [
      'opens a socket under a number of the other side',
      (frames) => frames.send(portFrame.openSocket, stream(1)),
    ],
    [
      'opens a socket under the number of a channel',
      async (frames) => {
        await frames.send(portFrame.open, stream(0));
        await frames.send(portFrame.openSocket, stream(0));
      },
    ],
    ['sends a frame of an unknown kind', (frames) => frames.send(23, Buffer.alloc(0))],
    ['sends a number that is none', (frames) => frames.send(portFrame.open, Buffer.from([0x63, 1, 2, 3]))],
  ];
  for (const [what, attack] of attacks)
    test(`one that ${what} loses the port`, async () => {
      const { frames, closed } = await hostile();
      await attack(frames).catch(() => undefined);
      const error = (await closed) as Error & { kind?: string };
      assert.equal(error.kind, 'malformed', String(error));
      frames.destroy();
    });

  test('frames for connections that are not there are passed over', async () => {
    const { frames, closed, opened } = await hostile();
    await frames.send(portFrame.data, Buffer.from('for nobody'));
    await frames.send(portFrame.end, stream(8));
    await frames.send(portFrame.reset, stream(8));
    await frames.send(portFrame.credit, encodeMessage(portCredit, { stream: 8, bytes: 5 }));
    await frames.send(portFrame.open, stream(0));
    await frames.send(portFrame.select, stream(0));
    await frames.send(portFrame.data, Buffer.from('for somebody'));
    await frames.send(portFrame.end, stream(0));
    while (opened.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [first] = opened;
    assert.equal(await text(first as Duplex), 'for somebody');
    frames.destroy();
    await closed;
  });

  test('sockets and channels share the room that there is', async () => {
    const { frames, closed, opened } = await hostile();
    const reset = (async () => {
      for await (const { kind, payload } of frames) if (kind === portFrame.reset) return payload;
      return undefined;
    })();
    for (let count = 0; count < mostConnections; count += 1)
      await frames.send(count % 2 === 0 ? portFrame.openSocket : portFrame.open, stream(2 * count));
    await frames.send(portFrame.openSocket, stream(2 * mostConnections));
    assert.deepEqual(Uint8Array.from((await reset) ?? []), stream(2 * mostConnections));
    assert.equal(opened.length, mostConnections);
    frames.destroy();
    await closed;
  });

  test('a flood of openings gets no more than there is room for', async () => {
    const { frames, closed, opened } = await hostile();
    const read = (async () => {
      let resets = 0;
      for await (const { kind } of frames) if (kind === portFrame.reset) resets += 1;
      return resets;
    })();
    for (let id = 0; id < 400; id += 2) await frames.send(portFrame.open, stream(id));
    while (opened.length < mostConnections) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(opened.length, mostConnections);
    frames.destroy();
    await closed;
    assert.ok((await read.catch(() => 1)) > 0);
  });
});
