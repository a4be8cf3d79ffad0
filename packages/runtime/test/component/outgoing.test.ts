// SPDX-License-Identifier: Apache-2.0
//
// wasi:http/outgoing-handler: a component in Rust asks a real HTTP server of this process.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import { after, test } from 'node:test';

import { handler, said, serving } from './serving.ts';

const servers: (Server | TcpServer)[] = [];
after(() => {
  for (const server of servers) server.close();
});

async function listening(server: Server | TcpServer): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const there: RequestListener = (message, response) => {
  let length = 0;
  message.on('data', (piece: Buffer) => (length += piece.length));
  message.on('end', () => {
    const { host, connection } = message.headers;
    response.setHeader('X-Long', 'y'.repeat(100));
    response.end(
      `${message.method ?? ''} ${message.url ?? ''} ${String(host)} ${String(connection)} ${String(message.headers['x-asked-by'])} ${String(length)}`,
    );
  });
};

test('a request reaches the host that the list names, and its answer the component, again and again', async () => {
  const at = await listening(createServer(there));
  await using server = await serving(handler, {}, [{ host: 'there.example', port: 80, at }]);
  for (let i = 0; i < 3; i += 1)
    assert.equal(
      await said(server.port, '/fetch/http/there.example/a?b=c'),
      '200 GET /a?b=c there.example close handler 0',
    );
  // The first took the connection that was there from the start.
  assert.equal(server.network.dialled, 2);
});

test('a body is streamed to it', async () => {
  const at = await listening(createServer(there));
  await using server = await serving(handler, {}, [{ host: 'there.example', port: 8080, at }]);
  assert.equal(
    await said(server.port, '/post/http/there.example:8080/in'),
    '200 POST /in there.example:8080 close handler 262144',
  );
});

test('another name, port or scheme is denied, and nobody is called', async () => {
  const at = await listening(createServer(there));
  await using server = await serving(handler, {}, [{ host: 'there.example', port: 80, at }]);
  for (const place of [
    'http/other.example/',
    'http/there.example:81/',
    'https/there.example:80/',
    'http/127.0.0.1/',
  ])
    assert.equal(await said(server.port, `/fetch/${place}`), 'ErrorCode::HttpRequestDenied', place);
  assert.equal(server.network.dialled, 0);
});

test('what goes wrong on the way has its own code', async () => {
  const answers: Readonly<Record<string, string>> = {
    'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort': 'ErrorCode::ConnectionTerminated',
    'nonsense\r\n\r\n': 'ErrorCode::HttpProtocolError',
    '': 'ErrorCode::ConnectionTerminated',
    [`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`]: 'ErrorCode::HttpResponseHeaderSectionSize(None)',
  };
  for (const [answer, expected] of Object.entries(answers)) {
    const tcp = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(answer));
    });
    await using server = await serving(handler, {}, [
      { host: 'there.example', port: 80, at: await listening(tcp) },
    ]);
    assert.equal(await said(server.port, '/fetch/http/there.example/'), expected, answer.slice(0, 40));
  }
});

test('a host that is not there any more refuses', async () => {
  const gone = createServer(there);
  const at = await listening(gone);
  await using server = await serving(handler, {}, [{ host: 'there.example', port: 80, at }]);
  await said(server.port, '/fetch/http/there.example/');
  gone.closeAllConnections();
  await new Promise((resolve) => gone.close(resolve));
  assert.equal(await said(server.port, '/fetch/http/there.example/'), 'ErrorCode::ConnectionRefused');
});
