// SPDX-License-Identifier: Apache-2.0
//
// `npm start`: the main job, as a tenant would type it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const command = ['run', '-v', '--config', 'examples/hello/Enarx.toml', 'examples/hello/hello.wasm'];

console.error(`$ echo "a line that only the Keep may read" | npx enarx ${command.join(' ')}\n`);
const enarx = spawn(process.execPath, [join(root, 'packages/cli/release/enarx.js'), ...command], {
  cwd: root,
  stdio: ['pipe', 'inherit', 'inherit'],
});
enarx.stdin.end('a line that only the Keep may read\n');
enarx.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 128);
});
