// SPDX-License-Identifier: Apache-2.0
//
// A keepmgr that means ill, on real sockets: whatever it answers comes to a typed error within bounded time and memory.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { suite, test } from 'node:test';

import { encodeMessage, encodeProblem, keepList } from '@enarx/protocol';

import { HostApi } from '../src/host-api.ts';
import { clientProblem } from '../src/problems.ts';

const cbor = 'content-type: application/cbor';
const problemType = 'content-type: application/concise-problem-details+cbor';
const path = '/v1/keeps';
const list = encodeMessage(keepList, []);

function answer(head: readonly string[], body: Uint8Array = new Uint8Array(0)): Buffer {
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

interface Stub extends AsyncDisposable {
  readonly api: HostApi;
  /** Requests and bytes that the stub has seen and sent. */
  readonly seen: { requests: number; sent: number };
}

/** A host that does `reply` with every connection on which something was asked. */
async function host(reply: (socket: Socket, seen: Stub['seen']) => void): Promise<Stub> {
  const seen = { requests: 0, sent: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      seen.requests += 1;
      reply(socket, seen);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const api = new HostApi({
    url: `http://127.0.0.1:${String(port)}`,
    times: { answer: 1_000, channel: 1_000 },
  });
  return {
    api,
    seen,
    [Symbol.asyncDispose]: async () => {
      api.close();
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Sends a piece over and over until the other side has had enough. */
function pour(socket: Socket, piece: Uint8Array, seen: Stub['seen']): void {
  const more = (): void => {
    while (!socket.destroyed) {
      seen.sent += piece.length;
      if (!socket.write(piece)) return;
    }
  };
  socket.on('drain', more);
  more();
}

suite('a hostile host', () => {
  test('that answers as it should is heard', async () => {
    await using stub = await host((socket) =>
      socket.write(answer(['HTTP/1.1 200 OK', cbor, `content-length: ${String(list.length)}`], list)),
    );
    assert.deepEqual(await stub.api.get(path, keepList), []);
  });

  const refused: readonly (readonly [what: string, reply: Uint8Array, code: string])[] = [
    [
      'another content type',
      answer(['HTTP/1.1 200 OK', 'content-type: text/html', `content-length: ${String(list.length)}`], list),
      'client/host-answer',
    ],
    [
      'no content type',
      answer(['HTTP/1.1 200 OK', `content-length: ${String(list.length)}`], list),
      'client/host-answer',
    ],
    [
      'a content encoding',
      answer(
        ['HTTP/1.1 200 OK', cbor, 'content-encoding: gzip', `content-length: ${String(list.length)}`],
        list,
      ),
      'client/host-answer',
    ],
    [
      'another status than that of success',
      answer(['HTTP/1.1 201 Created', cbor, `content-length: ${String(list.length)}`], list),
      'client/host-answer',
    ],
    ['bytes that are no HTTP', Buffer.from('\0\x01\x02 garbage\r\n\r\n', 'latin1'), 'client/host-answer'],
    [
      'a failure without problem details',
      answer(['HTTP/1.1 500 Oops', 'content-type: text/plain', 'content-length: 1'], Buffer.from('x')),
      'client/host-answer',
    ],
    [
      'a body that is no CBOR',
      answer(['HTTP/1.1 200 OK', cbor, 'content-length: 1'], Uint8Array.of(0xff)),
      'cbor/malformed',
    ],
    [
      'an upgrade that nobody asked for',
      answer(['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: enarx-channel/1']),
      'client/host-gone',
    ],
  ];
  for (const [what, reply, code] of refused)
    test(`${what} is refused`, async () => {
      await using stub = await host((socket) => socket.write(reply));
      await assert.rejects(stub.api.get(path, keepList), { name: 'EnarxError', code });
    });

  test('the number that a host gave to a refused request comes with the problem, where it is one', async () => {
    const problem = encodeProblem(clientProblem('client/host-gone'));
    const length = `content-length: ${String(problem.length)}`;
    for (const [header, request] of [
      ['request-id: 0123456789abcdef', '0123456789abcdef'],
      ['request-id: 0123456789abcde\u009b', undefined],
      ['x: y', undefined],
    ] as const) {
      const head = ['HTTP/1.1 503 Service Unavailable', problemType, length, header];
      await using stub = await host((socket) => socket.write(answer(head, problem)));
      await assert.rejects(stub.api.get(path, keepList), { code: 'client/host-gone', request });
    }
  });

  test('a problem under a status of success is no success', async () => {
    const problem = encodeProblem(clientProblem('client/host-gone'));
    const head = ['HTTP/1.1 200 OK', problemType, `content-length: ${String(problem.length)}`];
    await using stub = await host((socket) => socket.write(answer(head, problem)));
    await assert.rejects(stub.api.get(path, keepList), { code: 'client/host-answer' });
  });

  test('a redirect is not followed', async () => {
    const head = ['HTTP/1.1 307 Temporary Redirect', 'location: /v1/other', 'content-length: 0'];
    await using stub = await host((socket) => socket.write(answer(head)));
    await assert.rejects(stub.api.get(path, keepList), { code: 'client/host-answer' });
    assert.equal(stub.seen.requests, 1);
  });

  test('a body without end is read no further than the message may be', async () => {
    await using stub = await host((socket, seen) => {
      socket.write(answer(['HTTP/1.1 200 OK', cbor, 'connection: close']));
      pour(socket, new Uint8Array(65_536), seen);
    });
    await assert.rejects(stub.api.get(path, keepList), { code: 'client/host-answer' });
    assert.ok(
      stub.seen.sent < keepList.maxBytes + 32 * 1_048_576,
      'what is in flight, and the limit, and no more',
    );
  });

  test('a head without end is refused', async () => {
    await using stub = await host((socket, seen) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      pour(socket, Buffer.from(`x-more: ${'y'.repeat(1000)}\r\n`), seen);
    });
    await assert.rejects(stub.api.get(path, keepList), { code: 'client/host-answer' });
  });

  test('a body that ends before its length is no answer', async () => {
    await using stub = await host((socket) =>
      socket.end(answer(['HTTP/1.1 200 OK', cbor, 'content-length: 100'], list)),
    );
    await assert.rejects(stub.api.get(path, keepList), { code: 'client/host-gone' });
  });

  for (const [what, begin] of [
    ['nothing', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\ncontent-'],
    ['half a body', `HTTP/1.1 200 OK\r\n${cbor}\r\ncontent-length: 100\r\n\r\nx`],
  ] as const)
    test(`${what}, and then silence, is waited for no longer than was said`, async () => {
      await using stub = await host((socket) => socket.write(begin));
      await assert.rejects(stub.api.get(path, keepList), { code: 'client/host-timeout' });
    });

  test('an upgrade to something else is refused, and an answer without one too', async () => {
    await using other = await host((socket) =>
      socket.write(answer(['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: websocket'])),
    );
    await assert.rejects(other.api.channel(path, 'enarx-channel/1'), { code: 'client/host-answer' });
    await using none = await host((socket) =>
      socket.write(answer(['HTTP/1.1 200 OK', cbor, 'content-length: 1'], list)),
    );
    await assert.rejects(none.api.channel(path, 'enarx-channel/1'), { code: 'client/host-answer' });
  });
});
