// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { DbusConnection } from '../src/dbus/connection.ts';
import { Marshaller } from '../src/dbus/marshal.ts';
import { decodeMessage, encodeCall, messageKind, type Message } from '../src/dbus/message.ts';
import { typesOf, type DbusValue } from '../src/dbus/signature.ts';
import { Unmarshaller } from '../src/dbus/unmarshal.ts';
import { pathOf } from '../src/launchers/systemd/service-units.ts';
import { eventually } from './support/host.ts';

const bus = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
};

function marshalled(signature: string, ...values: DbusValue[]): string {
  return new Marshaller().write(signature, values).bytes.toString('hex');
}

function unmarshalled(signature: string, hex: string): DbusValue[] {
  return new Unmarshaller(Buffer.from(hex, 'hex')).read(signature);
}

/** Of the specification's "Marshaling", or worked out from its text by hand. */
const written: readonly (readonly [signature: string, value: DbusValue, hex: string])[] = [
  ['s', 'foo', '0300000066 6f6f00'],
  ['s', '+', '010000002b00'],
  ['g', 'a{sv}', '05617b73767d00'],
  ['b', true, '01000000'],
  ['i', -2, 'feffffff'],
  ['u', 4_294_967_295, 'ffffffff'],
  ['t', 2n ** 64n - 1n, 'ffffffffffffffff'],
  // The specification's own: an array of one 64-bit integer has padding that its length does not count.
  ['at', [5n], '08000000 00000000 0500000000000000'],
  ['as', [], '00000000'],
  ['a(sv)', [], '00000000 00000000'],
  ['v', { signature: 's', value: 'x' }, '017300 00 01000000 7800'],
  ['(ys)', [7, 'a'], '07 000000 01000000 6100'],
  ['a{sv}', [['k', { signature: 'u', value: 9 }]], '10000000 00000000 01000000 6b00 017500 000000 09000000'],
];

test('values are written as the specification says, and read back', () => {
  for (const [signature, value, hex] of written) {
    const bytes = hex.replaceAll(' ', '');
    assert.equal(marshalled(signature, value), bytes, signature);
    assert.deepEqual(unmarshalled(signature, bytes), [value], signature);
  }
  const others = 'feff feff 00000000 ffffffffffffffff 000000000000f03f'.replaceAll(' ', '');
  assert.deepEqual(unmarshalled('nqxd', others), [-2, 65_534, -1n, 1]);
});

test('a reply of a real systemd 252 is read', () => {
  const hex = Buffer.from(
    'l\x02\x01\x01\0\0\0\0\x01\0\0\0)\0\0\0\x05\x01u\0\x01\0\0\0\x07\x01s\0\x18\0\0\0org.freedesktop.systemd1\0\0\0\0\0\0\0\0',
    'latin1',
  );
  const [message, length] = decodeMessage(hex) as [Message, number];
  assert.equal(length, 64);
  assert.deepEqual([message.kind, message.replyTo, message.body], [messageKind.reply, 1, []]);
  for (let cut = 0; cut < hex.length; cut += 1) assert.equal(decodeMessage(hex.subarray(0, cut)), undefined);
});

test('an object path spells out what is no letter or digit', () => {
  assert.equal(pathOf('enarx-keep@0a.service'), '/org/freedesktop/systemd1/unit/enarx_2dkeep_400a_2eservice');
});

test('signatures that are none are refused', () => {
  for (const signature of [
    'a',
    '()',
    '(s',
    'z',
    'a{s}',
    'a{sss}',
    '{',
    's)',
    'a'.repeat(40) + 's',
    's'.repeat(256),
  ])
    assert.throws(() => typesOf(signature), RangeError, signature);
});

test('bytes that are no values are refused', () => {
  const wrong: readonly (readonly [signature: string, hex: string])[] = [
    ['s', 'ffffff7f00'],
    ['s', '0100000061'],
    ['s', '010000006161'],
    ['s', '01000000ff00'],
    ['b', '02000000'],
    ['u', '0000'],
    ['as', 'ffffff03'],
    ['ai', '0300000001000000'],
    ['yu', '0101000001000000'],
    ['v', '0273730000'],
    ['v', '0000'],
    ['v', '017600'.repeat(64)],
  ];
  for (const [signature, hex] of wrong)
    assert.throws(() => unmarshalled(signature, hex), /^(RangeError|TypeError)/, `${signature} ${hex}`);
  for (const [signature, value] of [
    ['s', 'a\0b'],
    ['(ss)', ['a']],
    ['h', 1],
  ] as const)
    assert.throws(() => marshalled(signature, value), RangeError);
});

test('any change of a single byte of a message gives a message, nothing yet, or a refusal', () => {
  const call = encodeCall(7, {
    ...bus,
    member: 'AddMatch',
    signature: 'a{sv}',
    body: [[['k', { signature: 'as', value: ['a'] }]]],
  });
  for (let at = 0; at < call.length; at += 1) {
    for (const byte of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
      const changed = Buffer.from(call);
      changed.writeUInt8(byte, at);
      try {
        decodeMessage(changed);
      } catch (error) {
        assert.ok(error instanceof RangeError || error instanceof TypeError, String(error));
      }
    }
  }
});

/** A server that does with a connection what the test wants. */
async function liar(behave: (socket: Socket) => void): Promise<Disposable & { readonly path: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-dbus-'));
  const path = join(directory, 'bus.sock');
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    behave(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  return {
    path,
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      rmSync(directory, { recursive: true });
    },
  };
}

const accepted = `OK ${'0'.repeat(32)}\r\n`;

describe('a server that lies', { concurrency: true }, () => {
  const greetings: readonly (readonly [name: string, behave: (socket: Socket) => void])[] = [
    ['refuses', (socket) => socket.end('REJECTED EXTERNAL\r\n')],
    ['ends at once', (socket) => socket.end()],
    ['talks without end', (socket) => socket.write('OK '.repeat(4096))],
    ['says nothing', () => undefined],
  ];
  for (const [name, behave] of greetings) {
    test(`and ${name} is unreachable`, async () => {
      using server = await liar((socket) => {
        socket.on('end', () => socket.end());
        behave(socket);
      });
      await assert.rejects(
        DbusConnection.open(server.path, () => undefined),
        { code: 'keepmgr/systemd-unreachable' },
      );
    });
  }

  const answers: readonly (readonly [name: string, bytes: Uint8Array])[] = [
    ['another byte order', Buffer.from('B'.repeat(32))],
    ['another version', Buffer.from('l\x02\0\x09'.padEnd(32, '\0'))],
    ['a message of four gigabytes', Buffer.from('6c020001ffffffff01000000ffffffff', 'hex')],
    ['fields that are none', Buffer.from(`6c02000100000000010000000800000001017a00ffffffff`, 'hex')],
    ['random bytes', Buffer.alloc(4096, 0x6c)],
    ['nothing', Buffer.alloc(0)],
  ];
  for (const [name, bytes] of answers) {
    test(`with ${name} ends the call and the connection`, async () => {
      using server = await liar((socket) => {
        socket.write(accepted);
        socket.on('data', (chunk: Buffer) => {
          if (chunk.includes('Hello')) socket.end(bytes);
        });
      });
      const connection = await DbusConnection.open(server.path, () => undefined);
      await assert.rejects(connection.call({ ...bus, member: 'Hello' }), {
        code: 'keepmgr/systemd-unreachable',
      });
      await connection.closed;
      await assert.rejects(connection.call({ ...bus, member: 'Hello' }), {
        code: 'keepmgr/systemd-unreachable',
      });
    });
  }
});

test(
  'a real bus answers calls, passes on signals and says what is wrong',
  { skip: !existsSync('/usr/bin/dbus-daemon') && 'needs dbus-daemon' },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'enarx-dbus-'));
    const path = join(directory, 'bus.sock');
    writeFileSync(
      join(directory, 'bus.conf'),
      `<busconfig><type>session</type><listen>unix:path=${path}</listen><auth>EXTERNAL</auth><policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`,
    );
    const daemon = spawn(
      '/usr/bin/dbus-daemon',
      ['--nofork', `--config-file=${join(directory, 'bus.conf')}`],
      { env: {}, stdio: 'ignore' },
    );
    try {
      await eventually('the bus listens', () => existsSync(path));
      const signals: Message[] = [];
      const connection = await DbusConnection.open(path, (message) => signals.push(message));
      const [name] = await connection.call({ ...bus, member: 'Hello' });
      const [names] = await connection.call({ ...bus, member: 'ListNames' });
      assert.ok((names as string[]).includes(name as string));
      const [uid] = await connection.call({
        ...bus,
        member: 'GetConnectionUnixUser',
        signature: 's',
        body: [name as string],
      });
      assert.equal(uid, process.getuid?.());
      const [credentials] = await connection.call({
        ...bus,
        member: 'GetConnectionCredentials',
        signature: 's',
        body: [name as string],
      });
      assert.ok(new Map(credentials as [string, DbusValue][]).has('ProcessID'));
      await connection.call({
        ...bus,
        member: 'UpdateActivationEnvironment',
        signature: 'a{ss}',
        body: [
          [
            ['A', 'ü€'],
            ['B', ''],
          ],
        ],
      });
      await connection.call({
        ...bus,
        member: 'AddMatch',
        signature: 's',
        body: ["type='signal',member='NameOwnerChanged'"],
      });
      await connection.call({
        ...bus,
        member: 'RequestName',
        signature: 'su',
        body: ['org.example.Keep', 0],
      });
      await eventually('the signal is here', () =>
        signals.some(({ body }) => body[0] === 'org.example.Keep'),
      );
      await assert.rejects(
        connection.call({ ...bus, member: 'Nothing' }),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'keepmgr/systemd-refused');
          assert.match(error.message, /org\.freedesktop\.DBus\.Error\.UnknownMethod/);
          return true;
        },
      );
      const many = await Promise.all(
        Array.from({ length: 50 }, () => connection.call({ ...bus, member: 'GetId' })),
      );
      assert.equal(new Set(many.map(([id]) => id)).size, 1);
      connection.close();
      await connection.closed;
    } finally {
      daemon.kill('SIGKILL');
      rmSync(directory, { recursive: true });
    }
  },
);
