// SPDX-License-Identifier: Apache-2.0
//
// Who is let in where the API has as many connections as it takes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';

import { boundConnections } from '../src/api/connections.ts';
import { eventually, startHost, type Host } from './support/host.ts';
import { open } from './support/raw.ts';

const most = 4;

test('connections that ask for nothing shut nobody out, and give way the oldest first', async () => {
  await using host: Host = await startHost({ limits: { connections: most } });
  const waiting = await open(host.client.port);
  const { cursor } = await host.client.changes();
  waiting.write(`GET /v1/changes?after=${cursor} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  // Its request has to have come before others press.
  await host.client.list();
  let answered = '';
  waiting.on('data', (chunk: Buffer) => (answered += chunk.toString('latin1')));
  const idle: Socket[] = [];
  const gone: number[] = [];
  for (let i = 0; i < 3 * most; i += 1) {
    const socket = await open(host.client.port);
    socket.on('error', () => undefined);
    socket.on('close', () => gone.push(i));
    idle.push(socket);
  }
  for (let i = 0; i < 8; i += 1) await host.client.list();
  await eventually('the oldest have closed', () => gone.length > 2 * most);
  assert.deepEqual(gone.slice(0, 2 * most), [...Array(2 * most).keys()]);
  // The one with a request in progress is the oldest of all, and gets its answer.
  await host.client.create();
  await eventually('the change is told', () => answered.startsWith('HTTP/1.1 200 '));
  for (const socket of [waiting, ...idle]) socket.destroy();
});

test('where all connections are at work or upgraded, a new one is closed', async () => {
  const responses: ServerResponse[] = [];
  let dropped = 0;
  const server = createServer((_, response) => responses.push(response));
  server.on('upgrade', (_, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'));
  boundConnections(server, 2, () => (dropped += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const asking = (more: string): Socket => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`);
    return socket;
  };
  const atWork = asking('');
  await eventually('it is at work', () => responses.length === 1);
  const upgraded = asking('Connection: Upgrade\r\nUpgrade: x\r\n');
  await once(upgraded, 'data');
  await once(asking(''), 'close');
  assert.equal(dropped, 1);

  responses[0]?.end('done');
  await once(atWork, 'data');
  const closed = once(atWork, 'close');
  const next = asking('');
  await eventually('the new one has taken the place of the one that is done', () => responses.length === 2);
  await closed;
  assert.equal(upgraded.destroyed, false);
  for (const socket of [upgraded, next]) socket.destroy();
  server.close();
});
