// SPDX-License-Identifier: Apache-2.0
//
// Sockets of a program in its runner: a real echo server in C, connected to real sockets of this process.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';

import type { File } from '@enarx/runtime';

import { client, LoopbackNetwork, readAll, readExactly } from '../../../test/support/loopback-network.ts';
import { start, type Given, type Started } from './support.ts';

const examples = join(import.meta.dirname, '..', '..', '..', 'examples');
const echo = readFileSync(join(examples, 'echo', 'echo.wasm'));
const files: readonly File[] = [
  { kind: 'null' },
  { kind: 'stdout' },
  { kind: 'stderr' },
  { kind: 'listen', prot: 'tcp', port: 0 },
];

interface Serving extends AsyncDisposable {
  readonly port: number;
  readonly network: LoopbackNetwork;
  readonly started: Started;
}

async function serving(clients: number, given: Given): Promise<Serving> {
  const network = new LoopbackNetwork();
  const port = await network.listen(3);
  const begun = Promise.withResolvers<undefined>();
  const started = await start(echo, {
    files,
    network,
    args: ['echo.wasm', String(clients)],
    onStarted: () => {
      begun.resolve(undefined);
    },
    ...given,
  });
  started.finished.catch(() => undefined);
  await Promise.race([begun.promise, started.finished]);
  return {
    port,
    network,
    started,
    [Symbol.asyncDispose]: async () => {
      started.runner.kill();
      await started.runner.exited;
      await network[Symbol.asyncDispose]();
    },
  };
}

for (const blocking of [false, true]) {
  suite(blocking ? 'a program that blocks' : 'a program that is suspended', () => {
    test('accepts, receives and sends, and sees the end of the other side', async () => {
      await using server = await serving(1, { blocking });
      const socket = await client(server.port);
      socket.end('hello, network');
      assert.equal((await readAll(socket)).toString(), 'hello, network');
      const { ended, stdout } = await server.started.finished;
      assert.deepEqual(ended, { how: 'exit', code: 0 });
      assert.match(stdout.toString(), /^echo listens on descriptor 3\ndone\n$/);
    });

    test('gets megabytes through in order while neither side waits for the other', async () => {
      await using server = await serving(1, { blocking });
      const sent = randomBytes(8_388_608);
      const socket = await client(server.port);
      socket.end(sent);
      const received = await readAll(socket);
      assert.equal(Buffer.compare(received, sent), 0);
      await server.started.finished;
    });

    test('serves many clients at once, each its own bytes', async () => {
      await using server = await serving(40, { blocking });
      const sockets = await Promise.all(Array.from({ length: 40 }, () => client(server.port)));
      for (let round = 0; round < 5; round += 1) {
        await Promise.all(
          sockets.map(async (socket, index) => {
            const text = `client ${String(index)} round ${String(round)}`;
            socket.write(text);
            assert.equal((await readExactly(socket, text.length)).toString(), text);
          }),
        );
      }
      for (const socket of sockets) socket.end();
      await Promise.all(sockets.map((socket) => readAll(socket)));
      assert.deepEqual((await server.started.finished).ended, { how: 'exit', code: 0 });
    });

    test('survives connections that are reset', async () => {
      await using server = await serving(21, { blocking });
      for (let i = 0; i < 20; i += 1) {
        const socket = await client(server.port);
        socket.on('error', () => undefined);
        socket.write('begun');
        await readExactly(socket, 5);
        socket.resetAndDestroy();
      }
      const socket = await client(server.port);
      socket.end('still there');
      assert.equal((await readAll(socket)).toString(), 'still there');
      assert.deepEqual((await server.started.finished).ended, { how: 'exit', code: 0 });
    });
  });
}

test('a peer that reads nothing holds up only itself', async () => {
  await using server = await serving(2, {});
  const slow = await client(server.port);
  slow.pause();
  // More than the windows and the kernel's buffers hold.
  slow.write(Buffer.alloc(33_554_432));
  const quick = await client(server.port);
  for (let i = 0; i < 100; i += 1) {
    quick.write('ping');
    assert.equal((await readExactly(quick, 4)).toString(), 'ping');
  }
  quick.end();
  await readAll(quick);
  slow.destroy();
});

test('two thousand connections in sequence leave nothing behind', async () => {
  await using server = await serving(2000, {});
  for (let i = 0; i < 2000; i += 1) {
    const socket = await client(server.port);
    socket.end('x');
    assert.equal((await readAll(socket)).toString(), 'x');
  }
  assert.deepEqual((await server.started.finished).ended, { how: 'exit', code: 0 });
});

test('traffic beyond its limit ends the program', async () => {
  await using server = await serving(1, { limits: { traffic: 100_000 } });
  const socket = await client(server.port);
  socket.on('error', () => undefined);
  socket.write(Buffer.alloc(200_000));
  const { ended } = await server.started.finished;
  assert.deepEqual(ended, { how: 'limit', limit: 'traffic', value: 100_000 });
});

test('descriptors beyond their limit are refused to the program, and it goes on with those that it has', async () => {
  await using server = await serving(-1, { limits: { descriptors: 6 } });
  const served = [await client(server.port), await client(server.port)];
  for (const socket of served) {
    socket.write('a');
    assert.equal((await readExactly(socket, 1)).toString(), 'a');
  }
  const waiting = await client(server.port);
  waiting.write('b');
  served[0]?.end();
  await readAll(served[0] as never);
  assert.equal((await readExactly(waiting, 1)).toString(), 'b');
});

test('a listener that the program closes is closed for the network, too', async () => {
  await using server = await serving(0, {});
  await server.started.finished;
  assert.deepEqual(server.network.closed, [3]);
});
