// SPDX-License-Identifier: Apache-2.0
//
// wasi:sockets of WASI 0.2: a component in Rust listens and connects where its list of descriptors says so.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import type { File } from '@enarx/runtime';

import { client, LoopbackNetwork, readAll } from '../../../../test/support/loopback-network.ts';
import { start, type Finished, type Started } from '../support.ts';
import { delivered } from './support.ts';

const component = delivered(readFileSync(join(import.meta.dirname, 'rust/sockets.component.wasm')));
const streams: readonly File[] = [{ kind: 'null' }, { kind: 'stdout' }, { kind: 'stderr' }];

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
});

/** Answers what it is sent, in capitals. */
async function shouting(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    void readAll(socket).then((content) => socket.end(content.toString().toUpperCase()));
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function running(args: readonly string[], network: LoopbackNetwork, file: File): Promise<Started> {
  const begun = Promise.withResolvers<undefined>();
  const started = await start(await component, {
    args: ['sockets.wasm', ...args],
    network,
    files: [...streams, file],
    onStarted: () => {
      begun.resolve(undefined);
    },
  });
  await Promise.race([begun.promise, started.finished]);
  return started;
}

const lines = ({ stdout }: Finished): string[] => stdout.toString().trimEnd().split('\n');

describe('a command component', () => {
  test('binds the port of a listener of the list, accepts, receives, sends and sees the end', async () => {
    await using network = new LoopbackNetwork();
    const port = await network.listen(3);
    const started = await running(['serve', '8443', '2'], network, {
      kind: 'listen',
      prot: 'tcp',
      port: 8443,
    });
    for (const text of ['hello', 'x'.repeat(500_000)]) {
      const socket = await client(port);
      socket.end(text);
      assert.equal((await readAll(socket)).toString(), text);
    }
    const finished = await started.finished;
    assert.deepEqual(finished.ended, { how: 'exit', code: 0 });
    assert.match(lines(finished)[0] ?? '', new RegExp(`^listening true Ok.*port: ${String(port)},`));
  });

  test('survives a client that breaks off', async () => {
    await using network = new LoopbackNetwork();
    const port = await network.listen(3);
    const started = await running(['serve', '0', '2'], network, { kind: 'listen', prot: 'tcp', port: 0 });
    const rude = await client(port);
    rude.on('error', () => undefined);
    rude.write('begun');
    await once(rude, 'data');
    rude.resetAndDestroy();
    const socket = await client(port);
    socket.end('still there');
    assert.equal((await readAll(socket)).toString(), 'still there');
    const finished = await started.finished;
    assert.deepEqual(finished.ended, { how: 'exit', code: 0 });
    // A client that breaks off has not come to its end.
    assert.ok(lines(finished).includes('read: connreset'), finished.stdout.toString());
  });

  for (const host of ['shouting.example', '127.0.0.1']) {
    test(`connects to ${host} of the list, and only to that and by its port`, async () => {
      await using network = new LoopbackNetwork();
      const at = await shouting();
      await network.connect(3, at);
      const file: File = { kind: 'connect', prot: 'tcp', host, port: 7 };
      const got = await (await running(['get', host.toUpperCase(), '7'], network, file)).finished;
      assert.deepEqual(got.ended, { how: 'exit', code: 0 }, got.stderr.toString());
      assert.deepEqual(lines(got), ['HELLO FROM A COMPONENT']);
    });
  }

  test('is denied every other name, address and port, and has no datagrams', async () => {
    for (const [host, port] of [
      ['other.example', '7'],
      ['127.0.0.1', '7'],
      ['there.example', '8'],
    ] as const) {
      await using network = new LoopbackNetwork();
      await network.connect(3, await shouting());
      const file: File = { kind: 'connect', prot: 'tcp', host: 'there.example', port: 7 };
      const finished = await (await running(['try', host, port], network, file)).finished;
      assert.deepEqual(lines(finished), [
        'connect: Err("access-denied")',
        'bind: Err("access-denied")',
        'udp: Err("not-supported")',
      ]);
      assert.equal(network.dialled, 0);
    }
  });

  test('without sockets in its list is denied all', async () => {
    const { finished } = await start(await component, { args: ['sockets.wasm', 'try', 'a.example', '80'] });
    assert.equal(lines(await finished)[0], 'connect: Err("access-denied")');
  });
});
