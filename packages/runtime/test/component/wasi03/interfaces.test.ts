// SPDX-License-Identifier: Apache-2.0
//
// The interfaces of WASI 0.3 called as the generated code calls them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { Family, SocketAddress } from '../../../src/component/addresses.ts';
import { ResultError } from '../../../src/component/host.ts';
import type { Descriptor } from '../../../src/component/wasi03/filesystem.ts';
import { componentImports03 } from '../../../src/component/wasi03/imports.ts';
import { componentInterfaces03 } from '../../../src/component/wasi03/interfaces.ts';
import type { TcpSocket } from '../../../src/component/wasi03/sockets.ts';
import {
  Outgoing,
  type ComponentStream,
  type Incoming,
  type Outcome,
} from '../../../src/component/wasi03/streams.ts';
import { Connection, type ConnectionSink } from '../../../src/wasi/connection.ts';
import { Listener } from '../../../src/wasi/listener.ts';
import { OutputStream } from '../../../src/wasi/output-stream.ts';
import { hostOf, type HostOptions } from '../host.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const ok = { tag: 'ok' };
const err = (tag: string) => ({ tag: 'err', val: { tag } });
type Call = (...args: unknown[]) => unknown;

/** The way out, of which a test says how much may go. */
class Sink implements ConnectionSink {
  credit = 1_000_000;
  readonly congested = false;
  readonly largest = 65_532;
  readonly sent: string[] = [];
  ended = false;
  closed = false;

  send(length: number, fill: (target: Uint8Array) => void): void {
    const bytes = new Uint8Array(length);
    fill(bytes);
    this.credit -= length;
    this.sent.push(new TextDecoder().decode(bytes));
  }

  grant(): void {
    // Of no matter here.
  }

  end(): void {
    this.ended = true;
  }

  close(): void {
    this.closed = true;
  }
}

function world(options: HostOptions = {}) {
  const sink = new Sink();
  const listener = new Listener({ accepted: () => undefined, closed: () => undefined });
  const dialled = Promise.withResolvers<(outcome: Connection | 'refused') => void>();
  const { host, files, input, idle } = hostOf({
    ...options,
    args: ['main.wasm'],
    outputs: [new OutputStream(sink), new OutputStream(sink)],
    network: {
      files: [
        { kind: 'listen', tls: false, port: 8443 },
        { kind: 'connect', tls: false, host: 'there.example', port: 7 },
      ],
      listeners: new Map([[0, listener]]),
      dial: (_file, done) => {
        dialled.resolve(done);
      },
    },
  });
  const outgoing = new Outgoing();
  const interfaces = componentInterfaces03(host, outgoing) as Readonly<
    Record<string, Readonly<Record<string, Call>>>
  >;
  const directories = interfaces['wasi:filesystem/preopens@0.3.0']?.['getDirectories']?.() as [
    Descriptor,
    string,
  ][];
  const { TcpSocket: Socket } = interfaces['wasi:sockets/types@0.3.0'] as unknown as {
    readonly TcpSocket: { create(family: Family): TcpSocket };
  };
  const call = (from: string, name: string, ...args: unknown[]): unknown =>
    interfaces[`${from}@0.3.0`]?.[name]?.(...args);
  return {
    call,
    interfaces,
    directory: directories[0]![0],
    files,
    input,
    idle,
    sink,
    listener,
    dialled: dialled.promise,
    outgoing,
    socket: () => Socket.create('ipv4'),
  };
}

/** What a component writes, piece by piece. */
function written(...pieces: string[]): ComponentStream & { readonly dropped: boolean } {
  let dropped = false;
  return {
    read: () => {
      const piece = pieces.shift();
      return Promise.resolve(
        piece === undefined ? { done: true } : { value: Array.from(text(piece)), done: false },
      );
    },
    [Symbol.dispose]: () => {
      dropped = true;
    },
    get dropped() {
      return dropped;
    },
  };
}

async function readAll([stream, ended]: readonly [AsyncIterable<Uint8Array>, Promise<unknown>]): Promise<
  [string, unknown]
> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return [Buffer.concat(pieces).toString(), await ended];
}

async function failure(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    if (error instanceof ResultError) return error.payload;
    throw error;
  }
  return 'done';
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const address = (port: number, last = 1, tag: Family = 'ipv4'): SocketAddress => ({
  tag,
  val: { port, address: [198, 18, 0, last] },
});

test('the interfaces are those that clients know', () => {
  assert.deepEqual(Object.keys(world().interfaces).sort(), [...componentImports03].sort());
});

describe('standard streams', () => {
  test('give what is there, then wait, and tell that they ended', async () => {
    const { call, input, idle } = world();
    const [stream, ended] = call('wasi:cli/stdin', 'readViaStream') as Incoming<Uint8Array, string>;
    input.push(text('one'));
    assert.deepEqual(await stream.next(), { done: false, value: text('one') });
    const next = stream.next();
    await turn();
    input.push(text('two'));
    idle.wake();
    assert.equal(Buffer.from((await next).value as Uint8Array).toString(), 'two');
    input.end();
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
    assert.deepEqual(await ended, ok);
  });

  test('take nothing for a stream that was dropped while it waited', async () => {
    const { call, input, idle } = world();
    const read = (): Incoming<Uint8Array, string> =>
      call('wasi:cli/stdin', 'readViaStream') as Incoming<Uint8Array, string>;
    const [first, firstEnded] = read();
    const waiting = first.next();
    await turn();
    await first.return();
    assert.deepEqual(await firstEnded, ok);
    input.push(text('for the second'));
    idle.wake();
    assert.deepEqual(await waiting, { done: true, value: undefined });
    input.end();
    assert.deepEqual(await readAll(read()), ['for the second', ok]);
  });

  test('print what the component writes, as far as it is taken', async () => {
    const { call, sink, idle } = world();
    sink.credit = 5;
    const outcome = call('wasi:cli/stdout', 'writeViaStream', written('one ', 'two')) as Promise<unknown>;
    await turn();
    await turn();
    assert.equal(sink.sent.join(''), 'one t');
    sink.credit = 100;
    idle.wake();
    assert.deepEqual(await outcome, ok);
    assert.equal(sink.sent.join(''), 'one two');
  });

  test('do not pass a fault of ours off as a failure of WASI', async () => {
    const files = world();
    files.sink.send = () => {
      throw new TypeError('not a failure of WASI');
    };
    const stream = written('x');
    const outcome = files.call('wasi:cli/stderr', 'writeViaStream', stream) as Promise<unknown>;
    await assert.rejects(outcome, /not a failure of WASI/);
  });

  test('are let out before the component ends', async () => {
    const { call, sink, outgoing, idle } = world();
    sink.credit = 0;
    const never = { ...written(), read: () => new Promise<never>(() => undefined) };
    void call('wasi:cli/stderr', 'writeViaStream', never);
    void call('wasi:cli/stdout', 'writeViaStream', written('late'));
    const settled = outgoing.settle();
    await turn();
    sink.credit = 100;
    idle.wake();
    await settled;
    assert.deepEqual(sink.sent, ['late']);
  });
});

describe('clocks and random numbers', () => {
  test('two waits at once end each at its time', async () => {
    const { call } = world();
    const order: string[] = [];
    const wait = async (milliseconds: bigint): Promise<void> => {
      await call('wasi:clocks/monotonic-clock', 'waitFor', milliseconds * 1_000_000n);
      order.push(String(milliseconds));
    };
    await Promise.all([wait(60n), wait(20n), call('wasi:clocks/monotonic-clock', 'waitUntil', 0n)]);
    assert.deepEqual(order, ['20', '60']);
    assert.equal(call('wasi:clocks/monotonic-clock', 'getResolution'), 1n);
    assert.equal(call('wasi:clocks/system-clock', 'getResolution'), 1_000_000n);
  });

  test('a seed is one for the whole run, and other numbers are fresh', () => {
    const { call } = world();
    assert.deepEqual(
      call('wasi:random/insecure-seed', 'getInsecureSeed'),
      call('wasi:random/insecure-seed', 'getInsecureSeed'),
    );
    assert.notEqual(
      call('wasi:random/insecure', 'getInsecureRandomU64'),
      call('wasi:random/random', 'getRandomU64'),
    );
    const bytes = call(
      'wasi:random/insecure',
      'getInsecureRandomBytes',
      0xffff_ffff_ffff_ffffn,
    ) as Uint8Array;
    assert.equal(bytes.length, 1_048_576);
  });
});

describe('files', () => {
  const readWrite = { read: true, write: true };

  test('are written from a position on, appended to and read', async () => {
    const { directory } = world();
    const file = directory.openAt({}, 'file', { create: true }, readWrite);
    assert.deepEqual(await file.writeViaStream(written('hello ', 'world'), 0n), ok);
    assert.deepEqual(await file.writeViaStream(written('W'), 6n), ok);
    assert.deepEqual(await file.appendViaStream(written('!')), ok);
    assert.deepEqual(await readAll(file.readViaStream(6n)), ['World!', ok]);
    file.setSize(5n);
    const { type, size } = file.stat();
    assert.deepEqual([type, size], [{ tag: 'regular-file' }, 5n]);
    assert.equal(directory.statAt({}, 'file').size, 5n);
  });

  test('that cannot be read or written say so in the future, and drop what they were given', async () => {
    const { directory } = world();
    directory.openAt({}, 'file', { create: true }, readWrite);
    const cases: [Outcome<unknown>, string][] = [];
    const stream = written('x');
    const file = directory.openAt({}, 'file', {}, { read: true });
    cases.push([await file.writeViaStream(stream, 0n), 'bad-descriptor']);
    assert.ok(stream.dropped);
    const blind = directory.openAt({}, 'file', {}, { write: true });
    const [, unread] = blind.readViaStream(0n);
    cases.push([await unread, 'bad-descriptor']);
    assert.deepEqual(await readAll(directory.readViaStream(0n)), ['', err('is-directory')]);
    const [entries, unlisted] = file.readDirectory();
    assert.deepEqual(await entries.next(), { done: true, value: undefined });
    cases.push([await unlisted, 'not-directory']);
    for (const [outcome, code] of cases) assert.deepEqual(outcome, err(code));
  });

  test('that are full end the stream with the code for it', async () => {
    const { directory } = world();
    const file = directory.openAt({}, 'file', { create: true }, readWrite);
    const stream = written('x'.repeat(60_000), 'x'.repeat(60_000), 'more');
    assert.deepEqual(await file.writeViaStream(stream, 0n), err('insufficient-space'));
    assert.ok(stream.dropped);
  });

  test('are listed with their types, without the two dots', async () => {
    const { directory } = world();
    directory.createDirectoryAt('sub');
    directory.openAt({}, 'file', { create: true }, readWrite);
    directory.symlinkAt('file', 'link');
    const [stream, ended] = directory.readDirectory();
    const entries = [];
    for await (const entry of stream) entries.push(entry);
    assert.deepEqual(entries, [
      { type: { tag: 'directory' }, name: 'sub' },
      { type: { tag: 'regular-file' }, name: 'file' },
      { type: { tag: 'symbolic-link' }, name: 'link' },
    ]);
    assert.deepEqual(await ended, ok);
  });

  test('are opened with what the flags mean', () => {
    const { directory } = world();
    const flags = (create: boolean, asked: object): string => {
      const got = directory.openAt({}, 'file', { create }, asked).getFlags();
      return [got.read === true && 'read', got.write === true && 'write'].filter(Boolean).join(' ');
    };
    assert.equal(flags(true, {}), 'read write');
    assert.equal(flags(true, { write: true }), 'write');
    assert.equal(flags(false, {}), 'read');
    assert.equal(flags(false, { write: true }), 'write');
    assert.deepEqual(directory.getType(), { tag: 'directory' });
  });

  test('fail with the code that the interface has for it', async () => {
    const { directory } = world();
    directory.createDirectoryAt('sub');
    const file = directory.openAt({}, 'file', { create: true }, readWrite);
    directory.symlinkAt('..', 'out');
    const before1970 = { tag: 'timestamp', val: { seconds: -1n, nanoseconds: 0 } } as const;
    const now = { tag: 'now' } as const;
    const cases: [string, () => unknown][] = [
      ['no-entry', () => directory.openAt({}, 'missing', {}, {})],
      ['not-permitted', () => directory.statAt({ symlinkFollow: true }, 'out')],
      [
        'bad-descriptor',
        () => {
          directory.advise();
        },
      ],
      [
        'invalid',
        () => {
          file.setTimes(before1970, now);
        },
      ],
      [
        'invalid',
        () => {
          directory.setTimesAt({}, 'file', now, before1970);
        },
      ],
      [
        'exist',
        () => {
          directory.createDirectoryAt('sub');
        },
      ],
      [
        'exist',
        () => {
          directory.linkAt({}, 'file', directory, 'sub');
        },
      ],
      [
        'not-permitted',
        () => {
          directory.removeDirectoryAt('out/');
        },
      ],
      [
        'not-directory',
        () => {
          directory.removeDirectoryAt('out');
        },
      ],
      [
        'not-directory',
        () => {
          directory.renameAt('sub', directory, 'file');
        },
      ],
      [
        'is-directory',
        () => {
          directory.unlinkFileAt('sub');
        },
      ],
      [
        'exist',
        () => {
          directory.symlinkAt('x', 'sub');
        },
      ],
      ['invalid', () => directory.readlinkAt('file')],
      ['no-entry', () => directory.metadataHashAt({}, 'missing')],
      [
        'is-directory',
        () => {
          directory.setSize(0n);
        },
      ],
    ];
    for (const [tag, call] of cases) assert.deepEqual(await failure(call), { tag }, call.toString());
    file.advise();
    file.sync();
    file.syncData();
    file.setTimes(now, now);
    assert.equal(directory.readlinkAt('out'), '..');
    assert.ok(file.isSameObject(directory.openAt({}, 'file', {}, {})));
    assert.deepEqual(file.metadataHash(), directory.metadataHashAt({}, 'file'));
  });

  test('may not be changed where the directory may only be read', async () => {
    const { directory } = world({ readonly: true });
    assert.deepEqual(await failure(() => directory.openAt({}, 'new', { create: true }, {})), {
      tag: 'read-only',
    });
  });
});

describe('sockets', () => {
  test('give the listener of the list, and its connections one after the other', async () => {
    const { socket, listener, idle } = world();
    const bound = socket();
    bound.bind(address(8443));
    const visitors = bound.listen();
    assert.ok(bound.getIsListening());
    const next = visitors.next();
    const sink = new Sink();
    const connection = new Connection(sink);
    await turn();
    listener.push(connection);
    idle.wake();
    const visitor = (await next).value as TcpSocket;
    connection.push(text('question'));
    connection.end();
    assert.deepEqual(await readAll(visitor.receive()), ['question', ok]);
    assert.deepEqual(await visitor.send(written('answer')), ok);
    assert.deepEqual([sink.sent, sink.ended, sink.closed], [['answer'], true, false]);
    visitor[Symbol.dispose]();
    assert.ok(sink.closed);
  });

  test('are asked once for each direction', async () => {
    const { socket, listener } = world();
    const unconnected = socket();
    assert.deepEqual(await unconnected.send(written('x')), err('invalid-state'));
    assert.deepEqual(await readAll(unconnected.receive()), ['', err('invalid-state')]);
    const bound = socket();
    bound.bind(address(8443));
    listener.push(new Connection(new Sink()));
    const visitor = (await bound.listen().next()).value as TcpSocket;
    const [stream] = visitor.receive();
    assert.deepEqual(await readAll(visitor.receive()), ['', err('invalid-state')]);
    await stream.return();
    await visitor.send(written());
    const again = written('x');
    assert.deepEqual(await visitor.send(again), err('invalid-state'));
    assert.ok(again.dropped);
  });

  test('that break off say so', async () => {
    const { socket, listener } = world();
    const bound = socket();
    bound.bind(address(8443));
    const visitors = bound.listen();
    const connection = new Connection(new Sink());
    listener.push(connection);
    const visitor = (await visitors.next()).value as TcpSocket;
    connection.breakOff();
    assert.deepEqual(await readAll(visitor.receive()), ['', err('connection-reset')]);
    assert.deepEqual(await visitor.send(written('x')), err('connection-broken'));
  });

  test('let visitors wait while there is no room for them, and go on when there is', async () => {
    const { socket, listener, idle } = world({ descriptors: 6 });
    const bound = socket();
    bound.bind(address(8443));
    const visitors = bound.listen();
    for (const sink of [new Sink(), new Sink()]) listener.push(new Connection(sink));
    const first = (await visitors.next()).value as TcpSocket;
    let came = false;
    const second = visitors.next().then((result) => {
      came = true;
      return result;
    });
    idle.wake();
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.ok(!came);
    first[Symbol.dispose]();
    assert.ok(((await second).value as TcpSocket | undefined) !== undefined);
  });

  test('connect where the list says, by the address that stands for its name', async () => {
    const { socket, dialled, call } = world();
    assert.deepEqual(call('wasi:sockets/ip-name-lookup', 'resolveAddresses', 'there.example'), [
      { tag: 'ipv4', val: [198, 18, 0, 1] },
    ]);
    const connecting = socket();
    const connected = connecting.connect(address(7));
    (await dialled)(new Connection(new Sink()));
    await connected;
    assert.deepEqual(connecting.getRemoteAddress(), address(7));
  });

  test('that are refused fail with the code for it', async () => {
    const { socket, dialled, call } = world();
    const connecting = socket();
    const refused = failure(() => connecting.connect(address(7)));
    (await dialled)('refused');
    assert.deepEqual(await refused, { tag: 'connection-refused' });
    const bound = socket();
    bound.bind(address(8443));
    const cases: [string, () => unknown][] = [
      ['access-denied', () => socket().connect(address(8))],
      [
        'access-denied',
        () => {
          socket().bind(address(1));
        },
      ],
      [
        'invalid-argument',
        () => {
          socket().bind(address(8443, 1, 'ipv6'));
        },
      ],
      ['invalid-argument', () => socket().connect(address(0))],
      [
        'invalid-state',
        () => {
          bound.bind(address(8443));
        },
      ],
      ['invalid-state', () => socket().listen()],
      ['invalid-state', () => socket().getLocalAddress()],
      ['invalid-state', () => socket().getRemoteAddress()],
      [
        'invalid-argument',
        () => {
          bound.setHopLimit(0);
        },
      ],
      ['access-denied', () => call('wasi:sockets/ip-name-lookup', 'resolveAddresses', 'other.example')],
      ['invalid-argument', () => call('wasi:sockets/ip-name-lookup', 'resolveAddresses', 'a b')],
    ];
    for (const [tag, attempt] of cases) assert.deepEqual(await failure(attempt), { tag }, attempt.toString());
  });

  test('have no datagrams', async () => {
    const { interfaces } = world();
    const { UdpSocket } = interfaces['wasi:sockets/types@0.3.0'] as unknown as {
      readonly UdpSocket: { create(): never };
    };
    assert.deepEqual(await failure(() => UdpSocket.create()), { tag: 'not-supported' });
  });

  test('keep their options', () => {
    const socket = world().socket();
    socket.setListenBacklogSize(1n);
    socket.setKeepAliveEnabled(true);
    socket.setKeepAliveIdleTime(1n);
    socket.setKeepAliveInterval(2n);
    socket.setKeepAliveCount(3);
    socket.setHopLimit(4);
    socket.setReceiveBufferSize(5n);
    socket.setSendBufferSize(6n);
    assert.deepEqual(
      [
        socket.getAddressFamily(),
        socket.getKeepAliveEnabled(),
        socket.getKeepAliveIdleTime(),
        socket.getKeepAliveInterval(),
        socket.getKeepAliveCount(),
        socket.getHopLimit(),
        socket.getReceiveBufferSize(),
        socket.getSendBufferSize(),
      ],
      ['ipv4', true, 1n, 2n, 3, 4, 5n, 6n],
    );
  });
});
