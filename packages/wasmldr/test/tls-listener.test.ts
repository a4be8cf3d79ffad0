// SPDX-License-Identifier: Apache-2.0
//
// The program's end of TLS from outside, over a connection of the kernel's, and over one of a port of a machine.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, connect as connectTcp, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { after, before, suite, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';

import { createKeepCertificate, type OwnCertificate } from '@enarx/channel';
import { Port } from '@enarx/channel/port';

import { readAll } from '../../../test/support/loopback-network.ts';
import { TlsListener } from '../src/network/tls.ts';

let own: OwnCertificate;
before(async () => {
  own = await createKeepCertificate(new Uint8Array(16));
});

interface Way {
  /** A new connection: the client's end. The listener has the other. */
  connect(): Promise<Duplex>;
  /** The listener's ends: which are open, and how many there were. */
  readonly ends: Ends;
  close(): void;
}

interface Ends {
  readonly open: Set<Duplex>;
  came: number;
}

function counted(ends: Ends, stream: Duplex): Duplex {
  const { open } = ends;
  ends.came += 1;
  open.add(stream);
  return stream.on('error', () => undefined).on('close', () => open.delete(stream));
}

async function overTcp(accept: (stream: Duplex) => void): Promise<Way> {
  const ends: Ends = { open: new Set(), came: 0 };
  const server: Server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    accept(counted(ends, socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    ends,
    connect: async () => {
      const socket = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      return socket;
    },
    close: () => server.close(),
  };
}

async function overPort(accept: (stream: Duplex) => void): Promise<Way> {
  const ends: Ends = { open: new Set(), came: 0 };
  const below = await overTcp((stream) => {
    new Port(stream, 'guest', {
      connection: (connection) => {
        accept(counted(ends, connection));
      },
    });
  });
  const port = new Port(await below.connect(), 'host');
  // As the host brings what comes from its network to a machine.
  const outside = await overTcp((stream) => {
    const inner = port.open('socket').on('error', () => stream.destroy());
    stream.on('error', () => inner.destroy()).pipe(inner);
    inner.pipe(stream);
  });
  return {
    ends,
    connect: () => outside.connect(),
    close: () => {
      outside.close();
      port.destroy();
      below.close();
    },
  };
}

async function tlsOver(stream: Duplex): Promise<TLSSocket> {
  const options = { socket: stream, rejectUnauthorized: false, allowHalfOpen: true };
  const socket = connectTls(options).on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** Much sooner than a handshake may take. */
async function soonOver(ends: Ends, came: number): Promise<void> {
  const { open } = ends;
  const until = performance.now() + 5000;
  while ((ends.came < came || open.size > 0) && performance.now() < until)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual([ends.came, open.size], [came, 0]);
}

for (const [name, make] of Object.entries({ 'a socket': overTcp, 'a port': overPort })) {
  suite(`a TLS listener over ${name}`, () => {
    const secured: Duplex[] = [];
    let way: Way;
    before(async () => {
      const listener = new TlsListener(own, undefined, (stream) => {
        secured.push(stream.on('error', () => undefined));
      });
      way = await make((stream) => {
        listener.accept(stream);
      });
    });
    after(() => {
      for (const stream of secured) stream.destroy();
      way.close();
    });

    // More than there is room for handshakes, ten at a time.
    test('has done at once with 300 that end in the middle of the handshake', async () => {
      for (let round = 0; round < 30; round += 1) {
        const streams = await Promise.all(Array.from({ length: 10 }, () => way.connect()));
        for (const [index, stream] of streams.entries()) {
          stream.on('error', () => undefined).resume();
          // The beginning of a record, or nothing.
          if (index % 2 === 0) stream.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
          stream.end();
        }
        await soonOver(way.ends, 10 * (round + 1));
      }
      assert.equal(secured.length, 0);
    });

    test('has done at once with those that go before their last word of the handshake is out', async () => {
      for (let round = 0; round < 20; round += 1) (await tlsOver(await way.connect())).destroy();
      await soonOver(way.ends, 320);
    });

    test('lets a client end its side and still hear the answer', async () => {
      const client = await tlsOver(await way.connect());
      while (secured.length === 0) await new Promise((resolve) => setImmediate(resolve));
      const served = secured.pop() as Duplex;
      client.end('question');
      assert.equal((await readAll(served)).toString(), 'question');
      await new Promise((resolve) => setTimeout(resolve, 50));
      served.end('answer, after the end of the question');
      assert.equal((await readAll(client)).toString(), 'answer, after the end of the question');
      await soonOver(way.ends, 321);
    });
  });
}
