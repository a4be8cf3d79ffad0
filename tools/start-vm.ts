// SPDX-License-Identifier: Apache-2.0
//
// `npm run start:vm`: the main job in a virtual machine. Installs nothing: it says what is missing and how to get it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { stateDirectory } from '../packages/cli/src/state/directory.ts';

const root = join(import.meta.dirname, '..');
const enarx = join(root, 'packages/cli/bin/enarx');
const state = stateDirectory(process.env);

const tools: readonly (readonly [name: string, package_: string])[] = [
  ['qemu-system-x86_64', 'qemu-system-x86'],
  ['bwrap', 'bubblewrap'],
  ['apt-get', 'apt'],
  ['dpkg-deb', 'dpkg'],
  ['xz', 'xz-utils'],
];
const directories = (process.env['PATH'] ?? '/usr/bin:/bin').split(':');
const missing = tools.filter(([name]) => !directories.some((directory) => existsSync(join(directory, name))));
if (missing.length > 0) {
  for (const [name, package_] of missing) console.error(`missing: ${name}   (apt install ${package_})`);
  console.error(`\napt install ${missing.map(([, package_]) => package_).join(' ')}`);
  process.exit(1);
}

function run(args: readonly string[], input?: string): Promise<number> {
  console.error(`$ npx enarx ${args.join(' ')}\n`);
  const child = spawn(enarx, args, { cwd: root, stdio: ['pipe', 'inherit', 'inherit'] });
  child.stdin.end(input);
  return new Promise((resolve) =>
    child.on('exit', (code) => {
      resolve(code ?? 1);
    }),
  );
}

// Every build gives the same bytes, so one that is there is only looked at.
if (!existsSync(join(state, 'image', 'image.json'))) {
  console.error(
    'The guest image is built once: about 40 MB of Debian packages are fetched through apt and checked against the lock.',
  );
  const status = await run(['image', 'build']);
  if (status !== 0) process.exit(status);
}
const line = 'a line that only the Keep may read\n';
process.exitCode =
  (await run(['run', '--tee', 'vm', '-v', 'examples/hello/hello.wasm'], line)) ||
  (await run(['run', '--tee', 'sev', '-v', 'examples/hello/hello.wasm'], line));
