// SPDX-License-Identifier: Apache-2.0
//
// A runner that was taken over says whatever it likes about its sockets. It gains nothing but its own end, and a peer nothing but its own connection.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';

import { encodeFrameHead, encodeMessage } from '@enarx/protocol';

import { LoopbackNetwork } from '../../../test/support/loopback-network.ts';
import { programs } from '../../../test/support/programs.ts';
import { mostDials, runnerFrame, socketHead, socketWindow, writeSocketHead } from '../src/runner-frames.ts';
import { dialMessage, socketCreditMessage, socketMessage } from '../src/runner-messages.ts';
import { start, type Started } from './support.ts';

const scratch = mkdtempSync(join(tmpdir(), 'enarx-liar-'));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});
let liars = 0;

const frame = (kind: number, payload: Uint8Array = new Uint8Array(0)): Buffer =>
  Buffer.concat([encodeFrameHead(kind, payload.length), payload]);
const boot = Buffer.concat([frame(runnerFrame.ready), frame(runnerFrame.started)]);
const number = (socket: number): Uint8Array => encodeMessage(socketMessage, socket);

function data(socket: number, bytes: number, granted = 0): Buffer {
  const payload = Buffer.alloc(socketHead + bytes);
  writeSocketHead(payload, 0, socket, granted);
  return frame(runnerFrame.socketData, payload);
}

const dial = (request: number, file: number): Uint8Array =>
  frame(runnerFrame.dial, encodeMessage(dialMessage, { request, file }));
const credit = (socket: number, bytes: number): Buffer =>
  frame(runnerFrame.socketCredit, encodeMessage(socketCreditMessage, { socket, bytes }));

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

interface Met extends AsyncDisposable {
  readonly started: Started;
  readonly socket: Socket;
}

/** A runner that reads its workload and then sends these bytes, with a listener as descriptor 0 and a connection as 1. */
async function meet(bytes: Uint8Array, more: Uint8Array = new Uint8Array(0), times = 0): Promise<Met> {
  const file = join(scratch, `liar-${(liars += 1)}.mjs`);
  writeFileSync(
    file,
    `import { Socket } from 'node:net';
     const link = new Socket({ fd: 3 });
     const say = () => { link.pause(); link.write(Buffer.concat([Buffer.from('${base64(bytes)}', 'base64'), ...Array(${String(times)}).fill(Buffer.from('${base64(more)}', 'base64'))])); };
     link.once('data', () => setTimeout(say, 100));
     link.on('data', () => {});
     setInterval(() => {}, 1000);`,
  );
  const network = new LoopbackNetwork();
  await network.listen(0);
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  await network.connect(1, port);
  const [socket] = await accepted;
  server.close();
  socket.on('error', () => undefined);
  const started = await start(programs.nothing(), {
    runner: file,
    network,
    files: [
      { kind: 'listen', prot: 'tcp', port: 0 },
      { kind: 'connect', prot: 'tcp', host: '127.0.0.1', port },
    ],
  });
  started.finished.catch(() => undefined);
  return {
    started,
    socket,
    [Symbol.asyncDispose]: async () => {
      started.runner.kill();
      await started.runner.exited;
      socket.destroy();
      await network[Symbol.asyncDispose]();
    },
  };
}

suite('a runner is killed that sends', () => {
  const lies: Readonly<Record<string, Uint8Array>> = {
    'data of a socket before the start': Buffer.concat([frame(runnerFrame.ready), data(1, 1)]),
    'data without a number': Buffer.concat([boot, frame(runnerFrame.socketData, Uint8Array.of(0, 0))]),
    'data of no bytes, which costs no credit': Buffer.concat([boot, data(1, 0)]),
    'data of a socket that is not open': Buffer.concat([boot, data(7, 1)]),
    'data of a listener': Buffer.concat([boot, data(0, 1)]),
    'data after its end': Buffer.concat([boot, frame(runnerFrame.socketEnd, number(1)), data(1, 1)]),
    'a second end': Buffer.concat([
      boot,
      frame(runnerFrame.socketEnd, number(1)),
      frame(runnerFrame.socketEnd, number(1)),
    ]),
    'an end of a socket that is not open': Buffer.concat([boot, frame(runnerFrame.socketEnd, number(2))]),
    'a second close': Buffer.concat([
      boot,
      frame(runnerFrame.socketClose, number(1)),
      frame(runnerFrame.socketClose, number(1)),
    ]),
    'credit for more than a window': Buffer.concat([boot, credit(1, 1)]),
    'credit for more than a window along with data': Buffer.concat([boot, data(1, 1, 1)]),
    'data with more credit than there are windows': Buffer.concat([boot, data(1, 1, 0xffff_ffff)]),
    'credit for a socket that is not open': Buffer.concat([boot, credit(9, 1)]),
    'a wish to be connected where a listener is': Buffer.concat([boot, dial(0, 0)]),
    'a wish to be connected by no descriptor': Buffer.concat([boot, dial(0, 2)]),
    'more wishes to be connected than it may have': Buffer.concat([
      boot,
      ...Array.from({ length: mostDials + 1 }, (_, request) => dial(request, 1)),
    ]),
    'the taking of a connection that did not come': Buffer.concat([
      boot,
      frame(runnerFrame.accept, number(0)),
    ]),
    'the taking of a connection of no listener': Buffer.concat([boot, frame(runnerFrame.accept, number(1))]),
    'a number that is none': Buffer.concat([boot, frame(runnerFrame.socketEnd, Buffer.from('6131', 'hex'))]),
  };
  for (const [what, bytes] of Object.entries(lies)) {
    test(what, async () => {
      await using met = await meet(bytes);
      await assert.rejects(met.started.finished, { code: 'runner/misbehaved' });
      // Whoever was connected to it sees that it is over.
      met.socket.resume().end();
      if (!what.endsWith('before the start') && !met.socket.closed) await once(met.socket, 'close');
    });
  }
});

test('a runner may send a whole window before it is granted any more, in frames that hold 64 KiB each', async () => {
  const window = Array.from({ length: socketWindow / 65_536 }, () => data(1, 65_536));
  await using met = await meet(Buffer.concat([boot, ...window]));
  let got = 0;
  for await (const chunk of met.socket) {
    got += (chunk as Buffer).length;
    if (got >= socketWindow) break;
  }
  assert.equal(got, socketWindow);
});

test('a runner is killed that sends data beyond its credit, which a peer that does not read does not renew', async () => {
  // The kernel's buffers hold several megabytes before anything has to wait.
  await using met = await meet(boot, data(1, 60_000), 300);
  await assert.rejects(met.started.finished, { code: 'runner/misbehaved' });
});

test('a runner that reads nothing holds up what is sent to it, in bounded memory', async () => {
  await using met = await meet(boot);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 512; i += 1) met.socket.write(Buffer.alloc(65_536));
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.ok(met.socket.writableLength > 16_777_216, 'it took everything');
  const held = process.memoryUsage().arrayBuffers - before - met.socket.writableLength;
  assert.ok(held < 8_388_608, `${String(held)} bytes held`);
});
