// SPDX-License-Identifier: Apache-2.0
//
// Programs from four compilers and their run-time libraries, each held against node:wasi on a real directory of this host.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';

import { packageOfTree, writeTree, type Tree } from './files-of.ts';
import { inNode } from './node-wasi.ts';
import { runToEnd, type Given } from './support.ts';

const directory = join(import.meta.dirname, '../../../test/programs');
const scratch = mkdtempSync(join(tmpdir(), 'enarx-languages-'));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

function program(name: string): Uint8Array {
  const bytes = readFileSync(join(directory, name));
  return name.endsWith('.zst') ? zstdDecompressSync(bytes) : bytes;
}

const tree: Tree = {
  '/data': undefined,
  '/data/given/text': 'what was there before\n',
  '/data/given/binary': Uint8Array.from({ length: 200_001 }, (_, index) => (index * 31) >> 3),
  '/data/given/empty': '',
  '/data/given/ünï': 'a name beyond ASCII',
  '/data/given/deep/deeper': undefined,
  '/data/given/link': { link: 'text' },
};
const files = [
  ...(['stdin', 'stdout', 'stderr'] as const).map((kind) => ({ kind })),
  { kind: 'directory', path: '/data' } as const,
];
const stdin = Buffer.from('first\nsecond\nlast without an end');

const programs: Record<string, { readonly name: string; readonly given: Given }> = {
  'C (wasi-libc)': { name: 'files-c.wasm', given: { args: ['files', '42'] } },
  Rust: { name: 'files-rs.wasm', given: { stdin } },
  Go: {
    name: 'files-go.wasm.zst',
    given: {
      args: ['files', 'a', 'b'],
      env: [
        ['GREETING', 'hello'],
        ['PWD', '/'],
      ],
      stdin,
    },
  },
  AssemblyScript: {
    name: 'process-as.wasm',
    given: { args: ['process', 'ä', ''], env: [['GREETING', 'hello']], stdin },
  },
};

describe('a program in', () => {
  for (const [language, { name, given }] of Object.entries(programs)) {
    for (const blocking of [false, true]) {
      test(`${language} does what it does under node:wasi, ${blocking ? 'blocking' : 'suspended'}`, async () => {
        const host = mkdtempSync(join(scratch, 'root-'));
        writeTree(host, tree);
        const [ours, theirs] = await Promise.all([
          runToEnd(program(name), {
            ...given,
            stdin: given.stdin ?? new Uint8Array(0),
            files,
            package: packageOfTree(tree),
            blocking,
          }),
          inNode(program(name), given, { '/data': join(host, 'data') }),
        ]);
        assert.equal(ours.stdout.toString(), theirs.stdout.toString());
        assert.equal(ours.stderr.toString(), theirs.stderr.toString());
        assert.deepEqual(ours.ended, theirs.ended);
        assert.ok(ours.stdout.length > 100);
      });
    }
  }

  test('Rust removes a tree of 3000 files while it reads it', async () => {
    for (const blocking of [false, true]) {
      const { ended, stdout } = await runToEnd(program('files-rs.wasm'), {
        args: ['files', 'tree'],
        stdin: new Uint8Array(0),
        files,
        package: packageOfTree(tree),
        blocking,
      });
      assert.deepEqual(ended, { how: 'exit', code: 0 });
      assert.doesNotMatch(stdout.toString(), /d tree/);
    }
  });

  test('Rust that panics ends with a trap, after its message', async () => {
    const { ended, stderr } = await runToEnd(program('files-rs.wasm'), {
      args: ['files', 'panic'],
      stdin: new Uint8Array(0),
      files,
      package: packageOfTree(tree),
    });
    assert.equal(ended.how === 'trap' ? ended.trap : ended.how, 'unreachable');
    assert.match(stderr.toString(), /panicked at .*as asked/);
  });
});

test('the programs are those that their digests name', () => {
  const lines = readFileSync(join(directory, 'SHA256SUMS'), 'utf8').trim().split('\n');
  assert.equal(lines.length, 7);
  for (const line of lines) {
    const [digest, name] = line.split(/\s+/) as [string, string];
    assert.equal(
      createHash('sha256')
        .update(readFileSync(join(directory, name)))
        .digest('hex'),
      digest,
    );
  }
});
