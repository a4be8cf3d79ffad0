// SPDX-License-Identifier: Apache-2.0
//
// What POSIX says of a connected socket, from inside a program in its runner.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';

import { LoopbackNetwork, readAll, readExactly } from '../../../test/support/loopback-network.ts';
import { start, type Given, type Started } from './support.ts';

const program = readFileSync(join(import.meta.dirname, '..', '..', '..', 'test', 'programs', 'sockets.wasm'));

interface Connected extends AsyncDisposable {
  /** The other end. */
  readonly socket: Socket;
  readonly started: Started;
}

async function connected(args: readonly string[], given: Given): Promise<Connected> {
  const network = new LoopbackNetwork();
  const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const { port } = server.address() as AddressInfo;
  await network.connect(3, port);
  const [socket] = await accepted;
  server.close();
  const started = await start(program, {
    files: [
      { kind: 'stdin' },
      { kind: 'stdout' },
      { kind: 'stderr' },
      { kind: 'connect', prot: 'tcp', host: '127.0.0.1', port },
    ],
    network,
    args: ['sockets.wasm', ...args],
    stdin: new Uint8Array(0),
    ...given,
  });
  return {
    socket,
    started,
    [Symbol.asyncDispose]: async () => {
      started.runner.kill();
      await started.runner.exited;
      socket.destroy();
      await network[Symbol.asyncDispose]();
    },
  };
}

for (const blocking of [false, true]) {
  suite(blocking ? 'for a program that blocks' : 'for a program that is suspended', () => {
    test('a connection that was made for it works both ways, and each direction ends by itself', async () => {
      await using peer = await connected(['fetch', 'a question'], { blocking });
      assert.equal((await readAll(peer.socket)).toString(), 'a question');
      peer.socket.end('an answer');
      const { stdout, ended } = await peer.started.finished;
      assert.equal(stdout.toString(), 'an answer');
      assert.deepEqual(ended, { how: 'exit', code: 0 });
    });

    test('flags, peeking, ends and wrong uses give what POSIX says', async () => {
      await using peer = await connected(['flags'], { blocking });
      const { socket } = peer;
      socket.write('abcdef');
      await readExactly(socket, 1);
      socket.write('gh');
      await readExactly(socket, 1);
      socket.end('ij');
      await readAll(socket);
      const { stdout, ended } = await peer.started.finished;
      assert.deepEqual(ended, { how: 'exit', code: 0 });
      // errno of preview 1: again 6, badf 8, notsock 57, pipe 64.
      assert.deepEqual(stdout.toString().trim().split('\n'), [
        'waitall: 2',
        'peek: 3',
        'peeked again: 3',
        'read: 4',
        'nothing there: errno 6',
        'write: 1',
        'poll: 1',
        'two: 2',
        'write: 1',
        'two: 2',
        'end: 0',
        'end again: 0',
        'still open this way: 1',
        'shutdown: 0',
        'write after it: errno 64',
        'accept: errno 57',
        'recv of no socket: errno 57',
        'shutdown of no socket: errno 57',
        'close: 0',
        'closed: errno 8',
      ]);
    });

    test('standard input, the connection and the clock are waited for together', async () => {
      await using peer = await connected(['wait'], { blocking, stdin: Buffer.from('line') });
      await new Promise((resolve) => setTimeout(resolve, 400));
      peer.socket.write('word');
      await new Promise((resolve) => setTimeout(resolve, 200));
      peer.socket.end();
      const { stdout, ended } = await peer.started.finished;
      const lines = stdout.toString().trim().split('\n');
      assert.deepEqual(ended, { how: 'exit', code: 0 });
      assert.ok(lines.includes('stdin: line'), stdout.toString());
      assert.ok(lines.includes('connection: word'), stdout.toString());
      assert.ok(lines.includes('clock'), stdout.toString());
    });

    test('a connection that is reset says so', async () => {
      await using peer = await connected(['broken'], { blocking });
      peer.socket.write('some');
      await new Promise((resolve) => setTimeout(resolve, 300));
      peer.socket.resetAndDestroy();
      const { stdout, ended } = await peer.started.finished;
      // errno of preview 1: connreset 15.
      assert.equal(stdout.toString(), 'waiting\nrecv: errno 15\nsend: errno 15\n');
      assert.deepEqual(ended, { how: 'exit', code: 0 });
    });

    test('a flood that nobody reads waits in the program, and is over with its peer', async () => {
      await using peer = await connected(['flood'], { blocking });
      peer.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.ok(process.memoryUsage().arrayBuffers < 64_000_000);
      peer.socket.resetAndDestroy();
      const { stdout } = await peer.started.finished;
      assert.equal(stdout.toString(), 'send: errno 15\n');
    });
  });
}
