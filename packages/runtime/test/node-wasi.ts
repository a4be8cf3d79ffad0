// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Finished, Given } from './support.ts';

/** The same module in Node's own WASI, in a process of its own. @param preopens - guest path to a directory of this host @param flags - for Node */
export async function inNode(
  module: Uint8Array,
  { args = ['main.wasm'], env = [], stdin = new Uint8Array(0) }: Given,
  preopens: Readonly<Record<string, string>> = {},
  flags: readonly string[] = [],
): Promise<Finished> {
  const scratch = mkdtempSync(join(tmpdir(), 'enarx-node-wasi-'));
  try {
    const file = join(scratch, 'program.wasm');
    writeFileSync(file, module);
    const options = { version: 'preview1', args, env: Object.fromEntries(env), preopens };
    const script = `
      import { readFileSync } from 'node:fs';
      import { WASI } from 'node:wasi';
      const wasi = new WASI(${JSON.stringify(options)});
      const module = await WebAssembly.compile(readFileSync(${JSON.stringify(file)}));
      process.exitCode = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));`;
    const node = spawn(process.execPath, [...flags, '--no-warnings', '--input-type=module', '-e', script], {
      env: {},
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    node.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    node.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    node.stdin.on('error', () => undefined);
    node.stdin.end(stdin);
    const [code] = (await once(node, 'close')) as [number];
    return { ended: { how: 'exit', code }, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
