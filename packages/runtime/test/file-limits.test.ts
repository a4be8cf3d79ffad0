// SPDX-License-Identifier: Apache-2.0
//
// What a program may add to its files, and how many it may have open: each limit is met by a program that tries to pass it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { programs } from '../../../test/support/programs.ts';
import { expectErrnos, open, readWrite, vectors } from './calls.ts';
import { runToEnd } from './support.ts';

const block = 4096;
const writeFrom = vectors(512, [1024, 5000]);
const write = (fd: number, at: number, result = 32) => ['fd_pwrite', fd, 512, 1, BigInt(at), result] as const;

describe('the limit of storage', () => {
  const given = { limits: { storage: 4 * block } };

  test('ends writing with nospc, after what still fitted', async () => {
    const memory = await expectErrnos(
      [
        ['success', ...open('a', ['creat'], { base: readWrite })],
        ['success', ...write(4, 0)],
        ['success', ...write(4, 5000)],
        ['success', ...write(4, 10_000)],
        ['success', ...write(4, 15_000, 36)],
        ['nospc', ...write(4, 4 * block)],
        ['success', 'fd_filestat_get', 4, 64],
        ['success', ...write(4, 0)],
      ],
      { data: [writeFrom], given },
    );
    assert.equal(memory.readUInt32LE(36), 4 * block - 15_000);
    assert.equal(memory.readBigUInt64LE(96), BigInt(4 * block));
  });

  test('is shared by all files, and given back by what is removed, cut off or replaced', async () => {
    await expectErrnos(
      [
        ['success', ...open('a', ['creat'], { base: readWrite })],
        ['success', ...open('b', ['creat'], { base: readWrite })],
        ['success', ...write(4, 0)],
        ['success', ...write(5, 0)],
        ['nospc', ...write(5, 65_536)],
        ['success', 'fd_filestat_set_size', 4, 10n],
        ['success', ...open('c', ['creat'], { base: readWrite })],
        ['success', 'fd_write', 6, 520, 1, 32],
        ['nospc', ...write(6, 65_536)],
        ['success', 'path_unlink_file', 3, 'b'],
        ['nospc', ...write(6, 65_536)],
        ['success', 'fd_close', 5],
        ['success', ...write(6, 65_536)],
        ['success', 'path_rename', 3, 'a', 3, 'c'],
        ['success', 'fd_close', 6],
        ['success', ...open('b', ['creat'], { base: readWrite })],
        ['success', ...write(5, 0)],
      ],
      { data: [writeFrom, vectors(520, [1024, 10])], given },
    );
  });

  test('does not count holes of whole chunks, however many, and counts what is written into them', async () => {
    await expectErrnos(
      [
        ['success', ...open('a', ['creat'], { base: readWrite })],
        ['success', 'fd_filestat_set_size', 4, 1n << 40n],
        ['fbig', 'fd_filestat_set_size', 4, (1n << 40n) + 1n],
        ['nospc', 'fd_allocate', 4, 0n, BigInt(5 * block)],
        ['success', 'fd_filestat_set_size', 4, 0n],
        ['success', 'fd_filestat_set_size', 4, 1n << 40n],
        ['success', 'fd_pwrite', 4, 520, 1, 0n, 32],
        ['success', 'fd_pwrite', 4, 520, 1, 5_242_880_000n, 32],
        ['nospc', 'fd_pwrite', 4, 520, 1, 983_040_000_000n, 32],
      ],
      { data: [vectors(520, [1024, 1])], given: { limits: { storage: 2 * block } } },
    );
  });

  test('is given back in no time by a file that has little at the end of a terabyte', async () => {
    const begun = performance.now();
    await expectErrnos(
      [
        ['success', ...open('a', ['creat'], { base: readWrite })],
        ...Array.from({ length: 20 }).flatMap(
          () =>
            [
              ['success', 'fd_pwrite', 4, 520, 1, (1n << 40n) - 1n, 32],
              ['success', 'fd_pwrite', 4, 520, 1, (1n << 39n) - 1n, 32],
              ['nospc', 'fd_pwrite', 4, 520, 1, 0n, 32],
              ['success', 'fd_filestat_set_size', 4, 5n],
            ] as const,
        ),
        ['success', 'fd_pwrite', 4, 520, 1, 0n, 32],
      ],
      { data: [vectors(520, [1024, 1])], given: { limits: { storage: 2 * 65_536 } } },
    );
    // Each took 2 s while every hole was visited.
    assert.ok(performance.now() - begun < 10_000);
  });

  test('is reserved by fd_allocate, or not at all', async () => {
    const memory = await expectErrnos(
      [
        ['success', ...open('a', ['creat'], { base: readWrite })],
        ['nospc', 'fd_allocate', 4, 0n, BigInt(4 * block + 1)],
        ['success', 'fd_filestat_get', 4, 64],
        ['success', 'fd_allocate', 4, 0n, BigInt(4 * block)],
        ['success', ...open('b', ['creat'], { base: readWrite })],
        ['nospc', ...write(5, 0)],
        ['success', ...write(4, 11_000)],
        ['inval', 'fd_allocate', 4, 0n, 0n],
      ],
      { data: [writeFrom], given },
    );
    assert.equal(memory.readBigUInt64LE(96), 0n);
  });

  test('takes nothing for the package, of which the program may overwrite all', async () => {
    await expectErrnos(
      [
        ['success', ...open('given', [], { base: readWrite })],
        ['success', ...write(4, 60_000)],
        ['success', ...open('new', ['creat'], { base: readWrite })],
        ['success', ...write(5, 0)],
        ['success', ...write(5, 5000)],
        ['success', ...write(5, 10_000)],
        ['nospc', ...write(5, 4 * block)],
      ],
      { tree: { '/given': new Uint8Array(100_000) }, data: [writeFrom], given },
    );
  });

  test('is 256 MiB for a program that names none, and one that fills it keeps its supervisor up', async () => {
    for (const blocking of [false, true]) {
      const { ended, stdout } = await runToEnd(programs.fillFile(), {
        blocking,
        files: [{ kind: 'null' }, { kind: 'stdout' }, { kind: 'null' }, { kind: 'directory', path: '/' }],
      });
      assert.deepEqual(ended, { how: 'exit', code: 51 });
      assert.equal(Number(stdout.readBigUInt64LE()), 268_435_456);
    }
  });
});

describe('the limit of inodes', () => {
  const given = { limits: { inodes: 2 } };

  test('ends making files, directories and links with nospc', async () => {
    await expectErrnos(
      [
        ['success', 'path_create_directory', 3, 'a'],
        ['success', ...open('b', ['creat'], { base: readWrite })],
        ['nospc', ...open('c', ['creat'], { base: readWrite })],
        ['nospc', 'path_create_directory', 3, 'c'],
        ['nospc', 'path_symlink', 'b', 3, 'c'],
        ['nospc', 'path_link', 3, 0, 'b', 3, 'c'],
        ['noent', 'path_filestat_get', 3, 0, 'c', 64],
        ['success', 'path_rename', 3, 'b', 3, 'c'],
        ['success', 'path_unlink_file', 3, 'c'],
        ['nospc', 'path_symlink', 'b', 3, 'd'],
        ['success', 'fd_close', 4],
        ['success', 'path_symlink', 'b', 3, 'd'],
        ['success', 'path_remove_directory', 3, 'a'],
        ['success', 'path_link', 3, 0, 'd', 3, 'e'],
        ['nospc', 'path_link', 3, 0, 'd', 3, 'f'],
        ['success', 'path_unlink_file', 3, 'd'],
        ['success', 'path_link', 3, 0, 'e', 3, 'f'],
      ],
      { given },
    );
  });

  test('does not count what the package brought', async () => {
    await expectErrnos(
      [
        ['success', 'path_create_directory', 3, 'a'],
        ['success', 'path_create_directory', 3, 'b'],
        ['nospc', 'path_create_directory', 3, 'c'],
      ],
      { tree: { '/x/y/z': 'file', '/x/link': { link: 'y' } }, given },
    );
  });
});

test('the limit of descriptors ends opening with mfile, before anything is made', async () => {
  await expectErrnos(
    [
      ['success', ...open('a', ['creat'], { base: readWrite })],
      ['mfile', ...open('b', ['creat'], { base: readWrite })],
      ['noent', 'path_filestat_get', 3, 0, 'b', 64],
      ['success', 'fd_close', 4],
      ['success', ...open('b', ['creat'], { base: readWrite })],
    ],
    { given: { limits: { descriptors: 5 } } },
  );
});
