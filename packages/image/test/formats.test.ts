// SPDX-License-Identifier: Apache-2.0
//
// Archive and programs of an image, with the system's own tools as the oracle.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { test } from 'node:test';

import { cpioArchive, type CpioEntry } from '../src/cpio.ts';
import { stripped } from '../src/elf.ts';

const entries: readonly CpioEntry[] = [
  { kind: 'file', path: 'b/file', mode: 0o755, content: Buffer.from('content of odd length') },
  { kind: 'directory', path: 'b' },
  { kind: 'link', path: 'a', target: 'b/file' },
  { kind: 'device', path: 'console', device: [5, 1] },
];

test('the same entries give the same archive, whatever their order', () => {
  const one = Buffer.concat(cpioArchive(entries));
  const other = Buffer.concat(cpioArchive(entries.toReversed()));
  assert.ok(one.equals(other));
  assert.equal(one.length % 4096, 0);
  assert.equal(one.subarray(0, 6).toString('latin1'), '070701');
});

const cpio = spawnSync('cpio', ['--version']).error === undefined;
test('cpio reads the archive as it was meant', cpio ? {} : { skip: 'cpio is not installed' }, () => {
  const { stdout, status } = spawnSync('cpio', ['-tv', '--numeric-uid-gid', '--quiet'], {
    input: Buffer.concat(cpioArchive(entries)),
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
  });
  assert.equal(status, 0);
  const lines = stdout.trim().split('\n');
  assert.equal(lines.length, 4);
  assert.match(lines[0] ?? '', /^lrwxrwxrwx .* 0 +0 .* 1970 a -> b\/file$/);
  assert.match(lines[1] ?? '', /^drwxr-xr-x .* b$/);
  assert.match(lines[2] ?? '', /^-rwxr-xr-x .* 21 .* b\/file$/);
  assert.match(lines[3] ?? '', /^crw------- .* 5, +1 .* console$/);
});

test('Node without what only debuggers read runs, and is smaller', () => {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-elf-'));
  try {
    const whole = readFileSync(execPath);
    const less = stripped(whole);
    assert.ok(less.length <= whole.length);
    const file = join(directory, 'node');
    writeFileSync(file, less);
    chmodSync(file, 0o755);
    const { stdout } = spawnSync(file, ['-p', '6 * 7'], { encoding: 'utf8', env: {} });
    assert.equal(stdout, '42\n');
    assert.ok(Buffer.from(stripped(less)).equals(less), 'there is nothing left to take away');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('what is no program, or one that is cut off, is refused', () => {
  const program = readFileSync(execPath).subarray(0, 1_000_000);
  const text = Buffer.alloc(200, 'x');
  const outside = Buffer.from(program);
  outside.writeBigUInt64LE(0xffff_ffffn, 0x20);
  for (const bytes of [new Uint8Array(0), text, program, outside])
    assert.throws(() => stripped(bytes), { code: 'image/not-elf' });
});
