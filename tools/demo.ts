// SPDX-License-Identifier: Apache-2.0
//
// `npm start`: the main job, as a tenant would type it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const command = ['run', '-v', '--config', 'examples/hello/Enarx.toml', 'examples/hello/hello.wasm'];
const line = 'a line that only the Keep may read';

console.error(`$ echo "${line}" | npx enarx ${command.join(' ')}\n`);
const started = performance.now();
const enarx = spawn(join(root, 'packages/cli/bin/enarx'), command, {
  cwd: root,
  stdio: ['pipe', 'inherit', 'inherit'],
});
enarx.stdin.end(`${line}\n`);
enarx.on('exit', (code, signal) => {
  console.error(
    `\nExit status ${String(code ?? signal)} after ${((performance.now() - started) / 1000).toFixed(2)} s. The Keep is gone.`,
  );
  process.exitCode = code ?? (signal === null ? 1 : 128);
});
