// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { packageFromDirectories, type PackageItem } from '@enarx/client';

const directory = mkdtempSync(join(tmpdir(), 'enarx-package-'));
after(() => {
  rmSync(directory, { recursive: true });
});

async function itemsOf(items: AsyncIterable<PackageItem> | Iterable<PackageItem>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const { content, ...entry } of items) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content ?? []) chunks.push(chunk);
    seen.push(entry.kind === 'file' ? { ...entry, content: Buffer.concat(chunks).toString() } : entry);
  }
  return seen;
}

test('a directory is carried with all that lies in it, each directory before its content', async () => {
  const from = join(directory, 'tree');
  mkdirSync(join(from, 'b', 'empty'), { recursive: true });
  writeFileSync(join(from, 'a'), 'first');
  writeFileSync(join(from, 'b', 'c'), 'second');
  symlinkSync('/etc/passwd', join(from, 'link'));
  const source = await packageFromDirectories([{ from, to: '/data' }]);
  assert.deepEqual([source.entries, source.bytes], [6, 11]);
  assert.deepEqual(await itemsOf(source.open()), [
    { kind: 'directory', path: '/data' },
    { kind: 'file', path: '/data/a', size: 5, content: 'first' },
    { kind: 'directory', path: '/data/b' },
    { kind: 'file', path: '/data/b/c', size: 6, content: 'second' },
    { kind: 'directory', path: '/data/b/empty' },
    // As it is: what it points to stays where it is.
    { kind: 'symlink', path: '/data/link', target: '/etc/passwd' },
  ]);
});

test('a directory becomes the root of the program without an entry of its own', async () => {
  const from = join(directory, 'root');
  mkdirSync(from);
  writeFileSync(join(from, 'x'), '');
  const source = await packageFromDirectories([{ from, to: '/' }]);
  assert.deepEqual(await itemsOf(source.open()), [{ kind: 'file', path: '/x', size: 0, content: '' }]);
});

test('a directory that is named by a link to it is carried; a link to a file, or to nothing, is refused', async () => {
  const real = join(directory, 'linked');
  mkdirSync(real);
  writeFileSync(join(real, 'x'), '1');
  const from = join(directory, 'current');
  symlinkSync('linked', from);
  const source = await packageFromDirectories([{ from, to: '/d' }]);
  assert.deepEqual(await itemsOf(source.open()), [
    { kind: 'directory', path: '/d' },
    { kind: 'file', path: '/d/x', size: 1, content: '1' },
  ]);
  for (const target of ['linked/x', 'nothing', 'itself']) {
    const link = join(directory, target === 'itself' ? 'itself' : `to-${target.replace('/', '-')}`);
    symlinkSync(target, link);
    await assert.rejects(packageFromDirectories([{ from: link, to: '/d' }]), {
      code: 'client/package-unreadable',
    });
  }
});

test('what is not there, no directory, or neither file nor directory nor link is refused', async () => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  const special = join(directory, 'special');
  mkdirSync(special);
  const server = createServer().listen(join(special, 'socket'));
  await once(server, 'listening');
  for (const from of [join(directory, 'missing'), file, special])
    await assert.rejects(packageFromDirectories([{ from, to: '/d' }]), { code: 'client/package-unreadable' });
  server.close();
});

test('more than a Keep takes is refused before anything is sent', async () => {
  const from = join(directory, 'large');
  mkdirSync(from);
  writeFileSync(join(from, 'sparse'), '');
  truncateSync(join(from, 'sparse'), 1_073_741_825);
  await assert.rejects(packageFromDirectories([{ from, to: '/d' }]), { code: 'client/package-size' });
});
