// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';

const directory = join(import.meta.dirname, '..', 'examples', 'hello');
/** The compiler that built hello.wasm, as `rustc --version` says it, and what it calls the target. */
const compiler = 'rustc 1.63.0';
const target = 'wasm32-wasi';

/** A compiler of that very version with that target, on PATH or where Debian puts it. */
function findCompiler(): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin'];
  return directories
    .map((path) => join(path, 'rustc'))
    .find((rustc) => {
      // Nothing comes back from a program that is not there, whatever the types say.
      const run = (...args: string[]): string => {
        const { status, stdout } = spawnSync(rustc, args, { encoding: 'utf8' });
        return status === null ? '' : stdout;
      };
      if (run('--version').trim() !== compiler) return false;
      const library = run('--print', 'target-libdir', '--target', target).trim();
      return library !== '' && spawnSync('test', ['-d', library]).status === 0;
    });
}

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

test('examples/hello/hello.wasm has the digest that stands beside it', () => {
  const [digest] = readFileSync(join(directory, 'hello.wasm.sha256'), 'utf8').split(' ');
  assert.equal(sha256(join(directory, 'hello.wasm')), digest);
});

const rustc = findCompiler();
test(
  'examples/hello/hello.wasm is what its source compiles to, byte for byte',
  {
    skip:
      rustc === undefined &&
      `needs ${compiler} with target ${target} (Debian 12: rustc libstd-rust-dev-wasm32 lld)`,
  },
  () => {
    const scratch = mkdtempSync(join(tmpdir(), 'enarx-hello-'));
    try {
      const built = join(scratch, 'hello.wasm');
      const { status, stderr } = spawnSync(join(directory, 'build.sh'), [built], {
        env: { PATH: process.env['PATH'], RUSTC: rustc, TARGET: target },
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
      assert.equal(sha256(built), sha256(join(directory, 'hello.wasm')));
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
);
