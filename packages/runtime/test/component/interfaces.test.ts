// SPDX-License-Identifier: Apache-2.0
//
// The interfaces called as the generated code calls them: what no compiler at hand makes a component do.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { componentImports } from '../../src/component/bundle.ts';
import type { Descriptor } from '../../src/component/filesystem.ts';
import { HostTrap, ResultError } from '../../src/component/host.ts';
import { componentInterfaces } from '../../src/component/interfaces.ts';
import { WasiError } from '../../src/wasi/errno.ts';
import { hostOf, type HostOptions } from './host.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const readWrite = { read: true, write: true };
const created = { create: true };

function world(options: HostOptions = {}) {
  const { host, files, input, idle } = hostOf(options);
  const interfaces = componentInterfaces(host);
  const directory = interfaces['wasi:filesystem/preopens'].getDirectories()[0]![0] as Descriptor;
  return { interfaces, directory, files, input, idle };
}

/** What an error result holds. */
async function failure(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    if (error instanceof ResultError) return error.payload;
    throw error;
  }
  return 'done';
}

test('the interfaces of a command are those that clients know', () => {
  assert.deepEqual(Object.keys(world().interfaces).sort(), [...componentImports].sort());
});

describe('files', () => {
  test('fail with the code that the interface has for it', async () => {
    const { directory } = world();
    directory.createDirectoryAt('sub');
    directory.openAt({}, 'file', created, readWrite).write(text('content'), 0n);
    directory.symlinkAt('loop', 'loop');
    const cases: [string, () => unknown][] = [
      ['no-entry', () => directory.openAt({}, 'missing', {}, { read: true })],
      ['exist', () => directory.openAt({}, 'file', { create: true, exclusive: true }, readWrite)],
      ['not-directory', () => directory.openAt({}, 'file', { directory: true }, { read: true })],
      ['is-directory', () => directory.openAt({}, 'sub', {}, readWrite)],
      ['invalid', () => directory.openAt({}, 'x', { create: true, directory: true }, readWrite)],
      ['loop', () => directory.openAt({ symlinkFollow: true }, 'loop', {}, { read: true })],
      ['not-permitted', () => directory.openAt({}, '..', {}, { read: true })],
      ['not-permitted', () => directory.statAt({}, '/etc')],
      [
        'not-permitted',
        () => {
          directory.symlinkAt('/etc/passwd', 'link');
        },
      ],
      [
        'no-entry',
        () => {
          directory.symlinkAt('', 'link');
        },
      ],
      [
        'invalid',
        () => {
          directory.createDirectoryAt('a\0b');
        },
      ],
      [
        'name-too-long',
        () => {
          directory.createDirectoryAt('x'.repeat(5000));
        },
      ],
      [
        'name-too-long',
        () => {
          directory.createDirectoryAt('x'.repeat(256));
        },
      ],
      [
        'exist',
        () => {
          directory.createDirectoryAt('sub');
        },
      ],
      [
        'is-directory',
        () => {
          directory.unlinkFileAt('sub');
        },
      ],
      [
        'not-directory',
        () => {
          directory.removeDirectoryAt('file');
        },
      ],
      ['invalid', () => directory.readlinkAt('file')],
      ['is-directory', () => directory.read(1n, 0n)],
      ['bad-descriptor', () => directory.openAt({}, 'file', {}, { read: true }).write(text('x'), 0n)],
      ['bad-descriptor', () => directory.openAt({}, 'file', {}, { write: true }).read(1n, 0n)],
      ['not-directory', () => directory.openAt({}, 'file', {}, { read: true }).readDirectory()],
      ['invalid', () => directory.openAt({}, 'file', {}, readWrite).read(1n, 0xffff_ffff_ffff_ffffn)],
    ];
    for (const [code, call] of cases) assert.equal(await failure(call), code, call.toString());
  });

  test('of a read-only directory cannot be changed by any call', async () => {
    const { directory, files } = world({ readonly: true });
    files.createDirectory({ directory: files.root, name: 'sub', node: undefined, slash: false });
    const calls: (() => unknown)[] = [
      () => directory.openAt({}, 'new', created, readWrite),
      () => {
        directory.openAt({}, 'sub', {}, { read: true }).createDirectoryAt('x');
      },
      () => {
        directory.createDirectoryAt('x');
      },
      () => {
        directory.removeDirectoryAt('sub');
      },
      () => {
        directory.unlinkFileAt('sub');
      },
      () => {
        directory.renameAt('sub', directory, 'other');
      },
      () => {
        directory.symlinkAt('sub', 'link');
      },
    ];
    for (const call of calls) assert.equal(await failure(call), 'read-only', call.toString());
    assert.equal(directory.getFlags().mutateDirectory, false);
  });

  test('a directory that was opened only to read still lets files below it be written', () => {
    const { directory } = world();
    directory.createDirectoryAt('sub');
    const sub = directory.openAt({}, 'sub', { directory: true }, { read: true });
    assert.equal(sub.openAt({}, 'file', created, readWrite).write(text('x'), 0n), 1n);
  });

  test('take no more than the limits of storage and descriptors', async () => {
    const { directory } = world({ bytes: 8192, descriptors: 4 });
    const file = directory.openAt({}, 'file', created, readWrite);
    assert.equal(file.write(new Uint8Array(10_000), 0n), 8192n);
    assert.equal(await failure(() => file.write(text('x'), 8192n)), 'insufficient-space');
    const other = directory.openAt({}, 'file', {}, { read: true });
    assert.equal(
      await failure(() => directory.openAt({}, 'file', {}, { read: true })),
      'insufficient-memory',
    );
    other[Symbol.dispose]();
    directory.openAt({}, 'file', {}, { read: true });
  });

  test('a stream goes on where its descriptor was dropped and its file removed, and gives the room back when it is dropped itself', async () => {
    const { directory } = world({ bytes: 4096 });
    const file = directory.openAt({}, 'file', created, readWrite);
    const output = file.writeViaStream(0n);
    await output.blockingWriteAndFlush(text('first'));
    const input = file.readViaStream(2n);
    file[Symbol.dispose]();
    directory.unlinkFileAt('file');
    assert.deepEqual(await input.blockingRead(100n), text('rst'));
    assert.deepEqual(await failure(() => input.blockingRead(100n)), { tag: 'closed' });
    const next = directory.openAt({}, 'next', created, readWrite);
    assert.equal(await failure(() => next.write(text('x'), 0n)), 'insufficient-space');
    output[Symbol.dispose]();
    input[Symbol.dispose]();
    assert.equal(next.write(text('x'), 0n), 1n);
  });

  test('a stream that fails says why once and is closed then', async () => {
    const { directory, interfaces } = world({ bytes: 4096 });
    const output = directory.openAt({}, 'file', created, readWrite).appendViaStream();
    const said = (await failure(() => output.blockingWriteAndFlush(new Uint8Array(5000)))) as {
      tag: string;
      val: { toDebugString(): string };
    };
    assert.equal(said.tag, 'last-operation-failed');
    assert.equal(
      interfaces['wasi:filesystem/types'].filesystemErrorCode(said.val as never),
      'insufficient-space',
    );
    assert.deepEqual(await failure(() => output.checkWrite()), { tag: 'closed' });
  });

  test('have the times that are set, and the same hash only where they are the same', () => {
    const { directory } = world();
    const file = directory.openAt({}, 'file', created, readWrite);
    const when = { seconds: 1_700_000_000n, nanoseconds: 123_456_789 };
    file.setTimes({ tag: 'timestamp', val: when }, { tag: 'no-change' });
    assert.deepEqual(directory.statAt({}, 'file').dataAccessTimestamp, when);
    directory.linkAt({}, 'file', directory, 'again');
    assert.deepEqual(directory.metadataHashAt({}, 'again'), file.metadataHash());
    assert.notDeepEqual(directory.metadataHash(), file.metadataHash());
    assert.equal(file.isSameObject(directory.openAt({}, 'again', {}, { read: true })), true);
  });
});

describe('streams', () => {
  test('take no more than they allowed', async () => {
    const { directory } = world();
    const output = directory.openAt({}, 'file', created, readWrite).writeViaStream(0n);
    assert.throws(() => {
      output.write(text('x'));
    }, HostTrap);
    const room = await output.checkWrite();
    assert.throws(() => {
      output.writeZeroes(room + 1n);
    }, HostTrap);
    output.writeZeroes(10n);
    assert.equal(directory.statAt({}, 'file').size, 10n);
  });

  test('are spliced, at most as much as asked for', async () => {
    const { directory } = world();
    directory.openAt({}, 'from', created, readWrite).write(text('0123456789'), 0n);
    const source = directory.openAt({}, 'from', {}, { read: true }).readViaStream(0n);
    const to = directory.openAt({}, 'to', created, readWrite);
    const output = to.writeViaStream(0n);
    assert.equal(await output.splice(source, 4n), 4n);
    assert.equal(await output.blockingSplice(source, 100n), 6n);
    assert.deepEqual(to.read(100n, 0n), [text('0123456789'), true]);
  });

  test('without input give none, wait for it, and end', async () => {
    const { interfaces, input, idle } = world();
    const stdin = interfaces['wasi:cli/stdin'].getStdin();
    assert.equal((await stdin.read(10n)).length, 0);
    const pollable = stdin.subscribe();
    assert.equal(await pollable.ready(), false);
    const timer = interfaces['wasi:clocks/monotonic-clock'].subscribeDuration(20_000_000n);
    const { poll } = interfaces['wasi:io/poll'];
    assert.deepEqual(await poll([pollable, timer]), Uint32Array.of(1));
    setTimeout(() => {
      input.push(text('now'));
      idle.wake();
    }, 20);
    assert.deepEqual(await stdin.blockingRead(2n), text('no'));
    assert.deepEqual(await poll([pollable, timer]), Uint32Array.of(0, 1));
    assert.equal(await stdin.blockingSkip(10n), 1n);
    input.end();
    assert.deepEqual(await failure(() => stdin.blockingRead(1n)), { tag: 'closed' });
    await assert.rejects(poll([]), HostTrap);
  });
});

test('random bytes come in any length up to 64 MiB', () => {
  const { getRandomBytes } = world().interfaces['wasi:random/random'];
  assert.equal(getRandomBytes(1_048_577n).length, 1_048_577);
  assert.throws(() => getRandomBytes(0xffff_ffff_ffff_ffffn), HostTrap);
});

test('why a stream has failed is told by the interface that it is of', () => {
  const { interfaces } = world();
  const error = new interfaces['wasi:io/error'].Error(new WasiError(15, 'connreset'));
  assert.equal(interfaces['wasi:sockets/network'].networkErrorCode(error), 'connection-reset');
  assert.equal(interfaces['wasi:filesystem/types'].filesystemErrorCode(error), undefined);
  const other = new interfaces['wasi:io/error'].Error(new WasiError(51, 'nospc'));
  assert.equal(interfaces['wasi:sockets/network'].networkErrorCode(other), undefined);
});

test('without sockets in the list nothing is bound, connected or looked up', async () => {
  const { interfaces } = world();
  const network = interfaces['wasi:sockets/instance-network'].instanceNetwork();
  const { createTcpSocket } = interfaces['wasi:sockets/tcp-create-socket'];
  const { resolveAddresses } = interfaces['wasi:sockets/ip-name-lookup'];
  const address = { tag: 'ipv4', val: { port: 80, address: [192, 0, 2, 1] } } as const;
  const later = { tag: 'ipv6', val: { port: 80, address: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1] } } as const;
  assert.equal(
    await failure(() => {
      createTcpSocket('ipv4').startBind(network, address);
    }),
    'access-denied',
  );
  assert.equal(
    await failure(() => {
      createTcpSocket('ipv4').startConnect(network, address);
    }),
    'access-denied',
  );
  assert.equal(
    await failure(() => {
      createTcpSocket('ipv6').startConnect(network, later);
    }),
    'access-denied',
  );
  assert.equal(
    await failure(() => {
      createTcpSocket('ipv4').startConnect(network, later);
    }),
    'invalid-argument',
  );
  assert.equal(await failure(() => createTcpSocket('ipv4').finishConnect()), 'not-in-progress');
  assert.equal(
    await failure(() => {
      createTcpSocket('ipv4').startListen();
    }),
    'invalid-state',
  );
  assert.equal(await failure(() => createTcpSocket('ipv4').accept()), 'invalid-state');
  assert.equal(await failure(() => resolveAddresses(network, 'a.example')), 'access-denied');
  assert.equal(await failure(() => resolveAddresses(network, 'a b')), 'invalid-argument');
  assert.deepEqual(resolveAddresses(network, '::1').resolveNextAddress(), {
    tag: 'ipv6',
    val: [0, 0, 0, 0, 0, 0, 0, 1],
  });
  assert.equal(await failure(interfaces['wasi:sockets/udp-create-socket'].createUdpSocket), 'not-supported');
});
