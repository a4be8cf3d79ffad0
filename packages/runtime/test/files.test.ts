// SPDX-License-Identifier: Apache-2.0
//
// Files in memory, call by call: what the community's suite leaves out, and what is Enarx's own (the package, quotas, what is read-only).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { programs } from '../../../test/support/programs.ts';
import { answers, errno, expectErrnos, open, readWrite, resultAt, vectors } from './calls.ts';
import { packageOfTree, type Tree } from './files-of.ts';
import { runToEnd } from './support.ts';

const tree: Tree = {
  '/file': 'content',
  '/directory/inner': 'inner content',
  '/directory/up': { link: '../file' },
  '/out': { link: '../../etc/passwd' },
  '/absolute': { link: 'nothing' },
  '/loop': { link: 'loop' },
  '/first': { link: 'second' },
  '/second': { link: 'directory' },
  '/dangling': { link: 'nowhere' },
};

describe('a path', () => {
  test('cannot leave the directory that it is opened through', async () => {
    await expectErrnos(
      [
        ['notcapable', ...open('..')],
        ['notcapable', ...open('../file')],
        ['notcapable', ...open('directory/../../file')],
        ['notcapable', ...open('/file')],
        ['notcapable', ...open('out')],
        ['success', ...open('directory', ['directory'])],
        ['notcapable', ...open('../file', [], { fd: 4 })],
        ['notcapable', ...open('up', [], { fd: 4 })],
        ['success', ...open('directory/up')],
        ['notcapable', 'path_symlink', '/etc/passwd', 3, 'link'],
        ['notcapable', 'path_rename', 3, 'file', 4, '../moved'],
        ['notcapable', 'path_link', 3, 0, 'file', 4, '../linked'],
        ['notcapable', 'path_create_directory', 4, '../made'],
        ['notcapable', 'path_unlink_file', 4, '../file'],
        ['notcapable', 'path_filestat_get', 4, 0, '../file', 64],
        ['notcapable', 'path_readlink', 4, '../out', 64, 16, 8],
      ],
      { tree },
    );
  });

  test('stays where it was opened when its directory is moved', async () => {
    await expectErrnos(
      [
        ['success', ...open('directory', ['directory'])],
        ['success', 'path_create_directory', 3, 'elsewhere'],
        ['success', 'path_rename', 3, 'directory', 3, 'elsewhere/moved'],
        ['success', ...open('inner', [], { fd: 4 })],
        ['notcapable', ...open('../../file', [], { fd: 4 })],
      ],
      { tree },
    );
  });

  test('follows links as far as it is told to, and not for ever', async () => {
    await expectErrnos(
      [
        ['success', ...open('first/inner')],
        ['success', ...open('first', ['directory'])],
        ['loop', ...open('first', [], { follow: false })],
        ['notdir', ...open('first', ['directory'], { follow: false })],
        ['success', ...open('first/', [], { follow: false })],
        ['loop', ...open('loop')],
        ['loop', ...open('loop/x')],
        ['noent', ...open('dangling')],
        ['exist', ...open('dangling', ['creat', 'excl'])],
        ['success', ...open('dangling', ['creat'], { base: readWrite })],
        ['success', 'path_filestat_get', 3, 0, 'nowhere', 64],
        ['exist', 'path_symlink', 'x', 3, 'first'],
        ['inval', 'path_readlink', 3, 'file', 64, 16, 8],
      ],
      { tree },
    );
  });

  test('of forty links is followed, and one of forty-one is not', async () => {
    const chain = Object.fromEntries(
      Array.from({ length: 42 }, (_, index) => [
        `/link${String(index)}`,
        { link: `link${String(index + 1)}` },
      ]),
    );
    await expectErrnos(
      [
        ['success', ...open('link3')],
        ['loop', ...open('link2')],
      ],
      { tree: { ...chain, '/link43': 'the end', '/link42': { link: 'link43' } } },
    );
  });

  test('has names of 255 bytes at most, and 4096 bytes in all', async () => {
    const longest = 'n'.repeat(255);
    const wide = 'ü'.repeat(128);
    await expectErrnos([
      ['success', 'path_create_directory', 3, longest],
      ['nametoolong', 'path_create_directory', 3, `${longest}n`],
      ['nametoolong', 'path_create_directory', 3, wide],
      ['success', 'path_create_directory', 3, wide.slice(1)],
      ['success', ...open(`${'./'.repeat(1920)}${longest}`, ['directory'])],
      ['nametoolong', ...open('./'.repeat(2049), ['directory'])],
    ]);
  });

  test('is UTF-8 without NUL', async () => {
    await expectErrnos([
      ['ilseq', ...open(Uint8Array.of(0x66, 0xff), ['creat'])],
      ['ilseq', ...open(Uint8Array.of(0xed, 0xa0, 0x80), ['creat'])],
      ['ilseq', ...open(Uint8Array.of(0xc0, 0xaf), ['creat'])],
      ['inval', ...open('a\0b', ['creat'])],
      ['inval', ...open('ü\0', ['creat'])],
      ['noent', ...open('')],
      ['success', ...open('\u{1f600}', ['creat'], { base: readWrite })],
      ['success', 'path_unlink_file', 3, '\u{1f600}'],
      ['success', ...open('\ufeffx', ['creat'], { base: readWrite })],
      ['noent', ...open('x')],
    ]);
  });

  test('with a slash at its end names a directory', async () => {
    await expectErrnos(
      [
        ['notdir', ...open('file/')],
        ['isdir', ...open('new/', ['creat'], { base: readWrite })],
        ['notdir', 'path_filestat_get', 3, 0, 'file/', 64],
        ['success', 'path_create_directory', 3, 'new/'],
        ['notdir', 'path_rename', 3, 'file', 3, 'other/'],
        ['notdir', 'path_unlink_file', 3, 'file/'],
        ['notdir', 'path_unlink_file', 3, 'second/'],
        ['notdir', 'path_remove_directory', 3, 'second/'],
        ['noent', 'path_link', 3, 0, 'file', 3, 'other/'],
        ['noent', 'path_symlink', 'x', 3, 'other/'],
        ['success', 'path_remove_directory', 3, 'new/'],
      ],
      { tree },
    );
  });
});

describe('names', () => {
  test('are moved as POSIX says', async () => {
    await expectErrnos(
      [
        ['success', 'path_create_directory', 3, 'empty'],
        ['success', 'path_link', 3, 0, 'file', 3, 'hard'],
        ['success', 'path_rename', 3, 'file', 3, 'hard'],
        ['success', 'path_filestat_get', 3, 0, 'file', 64],
        ['isdir', 'path_rename', 3, 'file', 3, 'empty'],
        ['notdir', 'path_rename', 3, 'empty', 3, 'file'],
        ['notempty', 'path_rename', 3, 'empty', 3, 'directory'],
        ['inval', 'path_rename', 3, 'directory', 3, 'directory/inside'],
        ['busy', 'path_rename', 3, '.', 3, 'x'],
        ['busy', 'path_rename', 3, 'file', 3, 'directory/..'],
        ['noent', 'path_rename', 3, 'nothing', 3, 'x'],
        ['success', 'path_rename', 3, 'directory', 3, 'empty'],
        ['success', ...open('empty/inner')],
        ['perm', 'path_link', 3, 0, 'empty', 3, 'x'],
        ['exist', 'path_link', 3, 0, 'file', 3, 'hard'],
        ['isdir', 'path_unlink_file', 3, 'empty'],
        ['notempty', 'path_remove_directory', 3, 'empty'],
        ['notdir', 'path_remove_directory', 3, 'file'],
        ['inval', 'path_remove_directory', 3, '.'],
        ['exist', 'path_create_directory', 3, 'empty'],
        ['exist', 'path_create_directory', 3, '.'],
      ],
      { tree },
    );
  });

  test('in a directory that was removed cannot be made', async () => {
    await expectErrnos([
      ['success', 'path_create_directory', 3, 'gone'],
      ['success', ...open('gone', ['directory'])],
      ['success', 'path_remove_directory', 3, 'gone'],
      ['noent', ...open('x', ['creat'], { fd: 4, base: readWrite })],
      ['noent', 'path_create_directory', 4, 'x'],
      ['success', 'path_create_directory', 3, 'there'],
      ['noent', 'path_rename', 3, 'there', 4, 'x'],
    ]);
  });

  test('are listed from where a cookie says, whatever was added or removed meanwhile', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const entry = 25;
    const list = (at: number, cookie: number, length = 256) =>
      ['success', 'fd_readdir', 3, at, length, BigInt(cookie), at - 4] as const;
    const memory = await expectErrnos(
      [
        list(64, 2, 2 * entry),
        ['success', 'path_unlink_file', 3, 'a'],
        ['success', 'path_unlink_file', 3, 'c'],
        ['success', ...open('e', ['creat'], { base: readWrite })],
        list(128, 4, 2 * entry),
        list(192, 2, 4 * entry),
        list(320, 7),
        list(400, 2 ** 40),
        ['success', 'path_rename', 3, 'b', 3, 'f'],
        list(420, 6, 4 * entry),
      ],
      { tree: Object.fromEntries(names.map((name) => [`/${name}`, name])) },
    );
    const listed = (at: number): [next: number, name: string][] => {
      const found: [number, string][] = [];
      for (let from = at; from < at + memory.readUInt32LE(at - 4); from += entry)
        found.push([Number(memory.readBigUInt64LE(from)), memory.toString('latin1', from + 24, from + 25)]);
      return found;
    };
    assert.deepEqual(listed(64), [
      [3, 'a'],
      [4, 'b'],
    ]);
    assert.deepEqual(listed(128), [
      [6, 'd'],
      [7, 'e'],
    ]);
    assert.deepEqual(listed(192), [
      [4, 'b'],
      [6, 'd'],
      [7, 'e'],
    ]);
    assert.deepEqual(listed(320), []);
    assert.deepEqual(listed(400), []);
    assert.deepEqual(listed(420), [
      [7, 'e'],
      [8, 'f'],
    ]);
  });

  test('that do not fit the buffer are cut off, which says that there are more', async () => {
    const memory = await expectErrnos(
      [
        ['success', 'fd_readdir', 3, 64, 30, 2n, 32],
        ['success', 'fd_readdir', 3, 128, 0, 0n, 36],
      ],
      { tree: { '/name-of-some-length': 'x' } },
    );
    assert.equal(memory.readUInt32LE(32), 30);
    assert.equal(memory.readUInt32LE(64 + 16), 'name-of-some-length'.length);
    assert.equal(memory.toString('latin1', 64 + 24, 64 + 30), 'name-o');
    assert.equal(memory.readUInt32LE(36), 0);
  });
});

describe('a file', () => {
  const readInto = vectors(512, [600, 100]);
  const writeFrom = vectors(520, [700, 10]);
  const data = [readInto, writeFrom, { at: 700, bytes: Buffer.from('0123456789') }];

  test('is read and written where its position is, and elsewhere', async () => {
    const memory = await expectErrnos(
      [
        ['success', ...open('new', ['creat'], { base: readWrite })],
        ['success', 'fd_write', 4, 520, 1, 32],
        ['success', 'fd_tell', 4, 40],
        ['success', 'fd_pwrite', 4, 520, 1, 5n, 32],
        ['success', 'fd_seek', 4, -12n, 2, 48],
        ['success', 'fd_read', 4, 512, 1, 36],
        ['success', 'fd_read', 4, 512, 1, 56],
        ['inval', 'fd_seek', 4, -1n, 0, 48],
        ['inval', 'fd_seek', 4, 0n, 3, 48],
        ['inval', 'fd_pread', 4, 512, 1, -1n, 36],
        ['fbig', 'fd_pwrite', 4, 520, 1, 2n ** 50n, 36],
      ],
      { data },
    );
    assert.equal(memory.readBigUInt64LE(40), 10n);
    assert.equal(memory.readBigUInt64LE(48), 3n);
    assert.equal(memory.readUInt32LE(36), 12);
    assert.equal(memory.readUInt32LE(56), 0);
    assert.equal(memory.toString('latin1', 600, 612), '340123456789');
  });

  test('that is open to append takes every write at its end', async () => {
    const memory = await expectErrnos(
      [
        ['success', ...open('file', [], { base: readWrite, fdflags: 1 })],
        ['success', 'fd_write', 4, 520, 1, 32],
        ['success', 'fd_seek', 4, 0n, 0, 48],
        ['success', 'fd_write', 4, 520, 1, 32],
        ['success', 'fd_filestat_get', 4, 128],
        ['success', 'fd_fdstat_set_flags', 4, 0],
        ['success', 'fd_seek', 4, 0n, 0, 48],
        ['success', 'fd_write', 4, 520, 1, 32],
        ['success', 'fd_pread', 4, 512, 1, 0n, 36],
      ],
      { tree, data },
    );
    assert.equal(memory.readBigUInt64LE(128 + 32), 27n);
    assert.equal(memory.toString('latin1', 600, 627), '012345678934567890123456789');
  });

  test('has holes that read as zeros, also where something was cut off before', async () => {
    const memory = await expectErrnos(
      [
        ['success', ...open('file', [], { base: readWrite })],
        ['success', 'fd_filestat_set_size', 4, 3n],
        ['success', 'fd_filestat_set_size', 4, 300_000n],
        ['success', 'fd_pread', 4, 512, 1, 0n, 36],
        ['success', 'fd_pwrite', 4, 520, 1, 299_995n, 32],
        ['success', 'fd_pread', 4, 540, 1, 299_990n, 40],
        ['success', 'fd_pread', 4, 540, 1, 65_530n, 44],
      ],
      { tree, data: [...data, vectors(540, [800, 100])] },
    );
    assert.equal(memory.toString('latin1', 600, 607), 'con\0\0\0\0');
    assert.deepEqual(
      [36, 40, 44].map((at) => memory.readUInt32LE(at)),
      [100, 15, 100],
    );
  });

  test('keeps the times that it is given, to the nanosecond', async () => {
    const memory = await expectErrnos(
      [
        ['success', ...open('file', [], { base: readWrite })],
        ['success', 'fd_filestat_set_times', 4, 1_234_567_890_123n, 9_876_543_210_987n, 5],
        ['success', 'path_filestat_get', 3, 0, 'file', 128],
        ['success', 'path_filestat_set_times', 3, 0, 'file', 5n, 6n, 4],
        ['success', 'fd_filestat_get', 4, 192],
        ['inval', 'fd_filestat_set_times', 4, 0n, 0n, 3],
        ['inval', 'fd_filestat_set_times', 4, 0n, 0n, 16],
        ['success', 'fd_filestat_set_times', 4, 0n, 0n, 10],
        ['success', 'fd_filestat_get', 4, 256],
      ],
      { tree },
    );
    assert.deepEqual(
      [168, 176].map((at) => memory.readBigUInt64LE(at)),
      [1_234_567_890_123n, 9_876_543_210_987n],
    );
    assert.deepEqual(
      [232, 240].map((at) => memory.readBigUInt64LE(at)),
      [1_234_567_890_123n, 6n],
    );
    const now = BigInt(Date.now()) * 1_000_000n;
    for (const at of [296, 304, 312]) {
      const age = now - memory.readBigUInt64LE(at);
      assert.ok(age >= 0n && age < 60_000_000_000n);
    }
  });

  test('without a name lives until it is closed', async () => {
    const memory = await expectErrnos(
      [
        ['success', ...open('file', [], { base: readWrite })],
        ['success', 'path_unlink_file', 3, 'file'],
        ['success', 'fd_pread', 4, 512, 1, 0n, 36],
        ['success', 'fd_filestat_get', 4, 128],
        ['success', 'fd_close', 4],
        ['noent', ...open('file')],
      ],
      { tree, data },
    );
    assert.equal(memory.toString('latin1', 600, 607), 'content');
    assert.equal(memory.readBigUInt64LE(128 + 24), 0n);
  });

  test('is scattered over and gathered from many vectors, empty ones among them', async () => {
    const memory = await expectErrnos(
      [
        ['success', ...open('file', [], { base: readWrite })],
        ['success', 'fd_read', 4, 540, 5, 36],
        ['success', 'fd_pwrite', 4, 540, 5, 0n, 40],
        ['success', 'fd_pread', 4, 512, 1, 0n, 44],
      ],
      { tree, data: [...data, vectors(540, [800, 1], [0, 0], [810, 2], [65_536, 0], [820, 9])] },
    );
    assert.deepEqual(
      [36, 40, 44].map((at) => memory.readUInt32LE(at)),
      [7, 12, 12],
    );
    assert.equal(memory.toString('latin1', 820, 824), 'tent');
    assert.equal(memory.toString('latin1', 600, 612), 'content\0\0\0\0\0');
  });

  test('of the package is the program’s own, and comes whole however large it is', async () => {
    const large = Uint8Array.from({ length: 1_000_001 }, (_, index) => (index * 7919) >> 5);
    const memory = await expectErrnos(
      [
        ['success', ...open('large', [], { base: readWrite })],
        ['success', 'fd_filestat_get', 4, 128],
        ['success', 'fd_pread', 4, 512, 1, 65_500n, 36],
        ['success', 'fd_pwrite', 4, 520, 1, 1_000_000n, 36],
        ['success', 'fd_pread', 4, 540, 1, 999_999n, 40],
      ],
      { tree: { '/large': large }, data: [...data, vectors(540, [800, 100])] },
    );
    assert.equal(memory.readBigUInt64LE(160), 1_000_001n);
    assert.deepEqual(new Uint8Array(memory.subarray(600, 700)), large.subarray(65_500, 65_600));
    assert.equal(memory.readUInt32LE(40), 11);
    assert.equal(memory.toString('latin1', 801, 811), '0123456789');
  });
});

describe('rights', () => {
  const right = { read: 2n, write: 64n, pathOpen: 1n << 13n, create: 1n << 10n, resize: 1n << 19n };

  test('are what a descriptor was opened with, and no more than its directory passes on', async () => {
    const data = [vectors(512, [600, 10])];
    const memory = await expectErrnos(
      [
        ['success', ...open('directory', ['directory'], { inheriting: right.read | right.pathOpen })],
        ['success', ...open('inner', [], { fd: 4, base: readWrite & ~right.write })],
        ['success', 'fd_fdstat_get', 5, 64],
        ['success', 'fd_read', 5, 512, 1, 36],
        ['notcapable', 'fd_write', 5, 512, 1, 36],
        ['notcapable', 'fd_seek', 5, 0n, 0, 40],
        ['notcapable', 'fd_filestat_set_size', 5, 0n],
        ['notcapable', 'fd_fdstat_set_rights', 5, right.read | right.write, 0n],
        ['success', ...open('.', ['directory'], { fd: 4 })],
        ['success', ...open('inner', [], { fd: 6, base: readWrite & ~right.write })],
        ['success', 'fd_fdstat_get', 7, 96],
      ],
      { tree, data },
    );
    assert.equal(memory.readBigUInt64LE(64 + 8), right.read);
    assert.equal(memory.readBigUInt64LE(96 + 8), right.read);
    assert.equal(memory.readBigUInt64LE(96 + 16), right.read | right.pathOpen);
  });

  test('that a directory has lost are missed by the calls that need them', async () => {
    const base = 0x0fff_ffffn;
    await expectErrnos(
      [
        ['success', ...open('.', ['directory'], { base: base & ~(64n | right.create | right.resize) })],
        ['notcapable', ...open('x', ['creat'], { fd: 4 })],
        ['notcapable', ...open('file', ['trunc'], { fd: 4 })],
        ['success', ...open('file', [], { fd: 4 })],
        ['success', 'fd_fdstat_set_rights', 4, right.pathOpen, right.read],
        ['notcapable', 'path_create_directory', 4, 'x'],
        ['notcapable', 'path_unlink_file', 4, 'file'],
        ['notcapable', 'path_remove_directory', 4, 'directory'],
        ['notcapable', 'path_rename', 4, 'file', 3, 'x'],
        ['notcapable', 'path_rename', 3, 'file', 4, 'x'],
        ['notcapable', 'path_link', 4, 0, 'file', 3, 'x'],
        ['notcapable', 'path_link', 3, 0, 'file', 4, 'x'],
        ['notcapable', 'path_symlink', 'x', 4, 'y'],
        ['notcapable', 'path_readlink', 4, 'first', 64, 8, 32],
        ['notcapable', 'path_filestat_get', 4, 0, 'file', 64],
        ['notcapable', 'path_filestat_set_times', 4, 0, 'file', 0n, 0n, 0],
        ['notcapable', 'fd_readdir', 4, 64, 8, 0n, 32],
        ['notcapable', 'fd_filestat_get', 4, 64],
        ['notcapable', 'fd_filestat_set_times', 4, 0n, 0n, 0],
        ['notcapable', 'fd_sync', 4],
        ['notcapable', 'fd_fdstat_set_flags', 4, 0],
      ],
      { tree },
    );
  });
});

describe('what is read-only', () => {
  const data = [vectors(512, [600, 10])];

  test('can be read and not changed, in whatever way', async () => {
    const memory = await expectErrnos(
      [
        ['success', ...open('file')],
        ['success', 'fd_read', 4, 512, 1, 32],
        ['notcapable', 'fd_write', 4, 512, 1, 32],
        ['notcapable', 'fd_filestat_set_size', 4, 0n],
        ['rofs', ...open('file', [], { base: readWrite })],
        ['notcapable', ...open('file', ['trunc'])],
        ['notcapable', ...open('new', ['creat'])],
        ['notcapable', 'path_create_directory', 3, 'new'],
        ['notcapable', 'path_unlink_file', 3, 'file'],
        ['notcapable', 'path_rename', 3, 'file', 3, 'new'],
        ['success', 'fd_fdstat_get', 3, 64],
      ],
      { tree, data, readonly: true },
    );
    assert.equal(memory.toString('latin1', 600, 607), 'content');
    assert.equal(memory.readBigUInt64LE(72) & (1n << 26n), 0n);
  });

  test('cannot be made longer by fd_allocate, whatever rights are asked to pass on', async () => {
    const memory = await expectErrnos(
      [
        ['success', ...open('file', [], { inheriting: 0n })],
        ['notcapable', 'fd_allocate', 4, 0n, 5000n],
        ['success', ...open('file')],
        ['notcapable', 'fd_allocate', 5, 0n, 5000n],
        ['badf', 'fd_allocate', 3, 0n, 5000n],
        ['spipe', 'fd_allocate', 0, 0n, 5000n],
        ['success', 'fd_filestat_get', 4, 64],
      ],
      { tree, readonly: true },
    );
    assert.equal(memory.readBigUInt64LE(96), 7n);
  });

  test('is so through a writable directory above it, too', async () => {
    const files = [
      ...(['stdin', 'stdout', 'stderr'] as const).map((kind) => ({ kind })),
      { kind: 'directory', path: '/' } as const,
      { kind: 'directory', path: '/directory', readonly: true } as const,
    ];
    await expectErrnos(
      [
        ['rofs', ...open('directory/inner', [], { base: readWrite })],
        ['rofs', ...open('directory/inner', ['trunc'])],
        ['rofs', ...open('directory/new', ['creat'], { base: readWrite })],
        ['rofs', 'path_unlink_file', 3, 'directory/inner'],
        ['rofs', 'path_create_directory', 3, 'directory/new'],
        ['rofs', 'path_symlink', 'x', 3, 'directory/new'],
        ['rofs', 'path_link', 3, 0, 'directory/inner', 3, 'linked'],
        ['rofs', 'path_link', 3, 0, 'file', 3, 'directory/new'],
        ['rofs', 'path_rename', 3, 'directory/inner', 3, 'moved'],
        ['rofs', 'path_rename', 3, 'file', 3, 'directory/inner'],
        ['rofs', 'path_filestat_set_times', 3, 0, 'directory/inner', 0n, 0n, 5],
        ['success', ...open('directory/inner')],
        ['success', ...open('file', ['trunc'], { base: readWrite })],
      ],
      { tree, given: { files } },
    );
  });
});

test('a file that is open to be read only is not made longer by fd_allocate', async () => {
  const memory = await expectErrnos(
    [
      ['success', ...open('file', [], { base: (1n << 1n) | (1n << 21n), inheriting: 0n })],
      ['notcapable', 'fd_allocate', 4, 0n, 5000n],
      ['success', 'fd_filestat_get', 4, 64],
    ],
    { tree },
  );
  assert.equal(memory.readBigUInt64LE(96), 7n);
});

describe('descriptors', () => {
  test('are the lowest that are free', async () => {
    const memory = await expectErrnos(
      [
        ['success', 'fd_close', 0],
        ['success', ...open('file')],
        ['success', 'fd_renumber', 3, 0],
        ['badf', ...open('file')],
        ['success', ...open('file', [], { fd: 0 })],
      ],
      { tree },
    );
    assert.equal(memory.readUInt32LE(resultAt), 3);
  });

  test('that were there from the start say under which name, and no others do', async () => {
    const files = [
      ...(['stdin', 'stdout', 'stderr'] as const).map((kind) => ({ kind })),
      { kind: 'directory', path: '/', name: 'näme' } as const,
    ];
    const memory = await expectErrnos(
      [
        ['success', 'fd_prestat_get', 3, 32],
        ['nametoolong', 'fd_prestat_dir_name', 3, 64, 4],
        ['success', 'fd_prestat_dir_name', 3, 64, 5],
        ['success', ...open('.', ['directory'])],
        ['badf', 'fd_prestat_get', 4, 32],
      ],
      { tree, given: { files } },
    );
    assert.equal(memory.readUInt32LE(36), 5);
    assert.equal(memory.toString('utf8', 64, 69), 'näme');
  });

  test('that are a file or a directory are always ready, and a poll says so', async () => {
    const subscription = (at: number, type: number, fd: number) => {
      const bytes = Buffer.alloc(48);
      bytes.writeBigUInt64LE(BigInt(fd), 0);
      bytes[8] = type;
      bytes.writeUInt32LE(fd, 16);
      return { at, bytes };
    };
    const memory = await expectErrnos(
      [
        ['success', ...open('file', [], { base: readWrite })],
        ['success', ...open('file', [], { base: 1n << 27n })],
        ['success', 'poll_oneoff', 512, 128, 4, 32],
      ],
      {
        tree,
        data: [
          subscription(512, 1, 4),
          subscription(560, 2, 4),
          subscription(608, 1, 5),
          subscription(656, 1, 77),
        ],
      },
    );
    assert.equal(memory.readUInt32LE(32), 4);
    const events = [0, 1, 2, 3].map((index) => [
      Number(memory.readBigUInt64LE(128 + 32 * index)),
      memory.readUInt16LE(136 + 32 * index),
      Number(memory.readBigUInt64LE(144 + 32 * index)),
    ]);
    assert.deepEqual(events, [
      [4, errno.success, 7],
      [4, errno.success, 7],
      [5, errno.notcapable, 0],
      [77, errno.badf, 0],
    ]);
  });
});

describe('bad pointers', () => {
  test('are fault in every call that has one, and nothing is done', async () => {
    const bad = 65_533;
    const memory = await expectErrnos(
      [
        ['success', ...open('file', [], { base: readWrite })],
        ['fault', 'path_open', 3, 0, 'new', 1, 0n, 0n, 0, bad],
        ['noent', 'path_filestat_get', 3, 0, 'new', 64],
        ['fault', 'path_open', 3, 0, bad, 8, 0, 0n, 0n, 0, 16],
        ['fault', 'path_open', 3, 0, 0, -1, 0, 0n, 0n, 0, 16],
        ['fault', 'path_filestat_get', 3, 0, 'file', 65_473],
        ['fault', 'fd_filestat_get', 4, 65_473],
        ['fault', 'path_readlink', 3, 'first', bad, 16, 32],
        ['fault', 'path_readlink', 3, 'first', 64, 16, bad],
        ['fault', 'path_symlink', bad, 8, 3, 'x'],
        ['fault', 'path_rename', 3, 'file', 3, bad, 8],
        ['fault', 'path_link', 3, 0, bad, 8, 3, 'x'],
        ['fault', 'fd_readdir', 3, bad, 8, 0n, 32],
        ['fault', 'fd_readdir', 3, 64, 8, 0n, bad],
        ['fault', 'fd_prestat_get', 3, bad],
        ['fault', 'fd_prestat_dir_name', 3, 65_536, 1],
        ['fault', 'fd_seek', 4, 3n, 0, 65_529],
        ['fault', 'fd_tell', 4, 65_529],
        ['fault', 'fd_pread', 4, 512, 1, 0n, 32],
        ['fault', 'fd_read', 4, 520, 1, bad],
        ['fault', 'fd_pwrite', 4, 0, 0x2000_0000, 0n, 32],
        ['success', 'fd_read', 4, 520, 1, 32],
      ],
      { tree, data: [vectors(512, [65_530, 7]), vectors(520, [600, 100])] },
    );
    assert.equal(memory.readUInt32LE(32), 7);
  });

  test('that were good before the memory grew are good afterwards, and new ones become good', async () => {
    const { ended } = await runToEnd(programs.growBetweenCalls());
    assert.deepEqual(ended, { how: 'exit', code: 0 });
  });

  test('are judged the same in a shared memory', async () => {
    for (const blocking of [false, true]) {
      const shared = { initial: 1, maximum: 2, flags: 3 };
      const { errnos } = await answers(
        [
          ['random_get', 65_530, 6],
          ['random_get', 65_530, 7],
          ['path_open', 3, 0, 'ünï', 1, readWrite, 0n, 0, 16],
          ['path_unlink_file', 3, 'ünï'],
          ['fd_write', 2, 512, 1, 16],
        ],
        { memory: shared, data: [vectors(512, [600, 3])], given: { blocking } },
      );
      assert.deepEqual(errnos, [errno.success, errno.fault, errno.success, errno.success, errno.success]);
    }
  });
});

describe('the package', () => {
  const refused = async (entries: Tree, code: string): Promise<void> => {
    await assert.rejects(runToEnd(programs.nothing(), { package: packageOfTree(entries) }), { code });
  };

  test('is refused when a path is none, and when two entries contradict each other', async () => {
    for (const path of ['relative', '/', '/a//b', '/a/', '/./a', '/a/..', '/a\0b', `/${'n'.repeat(256)}`, ''])
      await refused({ [path]: 'x' }, 'files/path');
    await refused({ '/link': { link: '' } }, 'files/path');
    await refused({ '/a': 'file', '/a/b': 'below it' }, 'files/conflict');
    await refused({ '/a': { link: 'b' }, '/a/b': 'below it' }, 'files/conflict');
    await refused({ '/a/b': 'x', '/a': 'in place of a directory' }, 'files/conflict');
  });

  test('has files of the size that it says, and does not end before', async () => {
    for (const length of [4, 6]) {
      async function* wrong() {
        await Promise.resolve();
        yield {
          kind: 'file',
          path: '/a',
          size: 5,
          content: new Blob([Buffer.alloc(length)]).stream(),
        } as const;
      }
      await assert.rejects(runToEnd(programs.nothing(), { package: wrong() }), { code: 'files/size' });
    }
    async function* broken() {
      await Promise.resolve();
      yield { kind: 'directory', path: '/a' } as const;
      throw new Error('the connection is lost');
    }
    await assert.rejects(runToEnd(programs.nothing(), { package: broken() }), { code: 'files/unreadable' });
  });

  test('has 65,536 entries at most, and 1 GiB of content', async () => {
    async function* many() {
      await Promise.resolve();
      for (let index = 0; index <= 65_536; index += 1)
        yield { kind: 'directory', path: `/${String(index)}` } as const;
    }
    await assert.rejects(runToEnd(programs.nothing(), { package: many() }), { code: 'files/too-many' });
    async function* large() {
      await Promise.resolve();
      for (const path of ['/a', '/b'])
        yield {
          kind: 'file',
          path,
          size: path === '/a' ? 0 : 1_073_741_824,
          content: new Blob([]).stream(),
        } as const;
      yield { kind: 'file', path: '/c', size: 1, content: new Blob(['x']).stream() } as const;
    }
    await assert.rejects(runToEnd(programs.nothing(), { package: large() }), { code: 'files/size' });
  });

  test('lets a later entry replace an earlier one', async () => {
    async function* layers() {
      yield* packageOfTree({ '/file': 'lower', '/link': { link: 'file' }, '/directory/a': 'a' });
      yield* packageOfTree({ '/file': 'upper', '/link': 'no link any more', '/directory/b': 'b' });
    }
    const memory = await expectErrnos(
      [
        ['success', ...open('file')],
        ['success', 'fd_read', 4, 512, 1, 32],
        ['inval', 'path_readlink', 3, 'link', 64, 16, 32],
        ['success', ...open('directory/a')],
        ['success', ...open('directory/b')],
      ],
      { data: [vectors(512, [600, 10])], given: { package: layers() } },
    );
    assert.equal(memory.toString('latin1', 600, 605), 'upper');
  });
});
