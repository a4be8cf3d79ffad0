// SPDX-License-Identifier: Apache-2.0
//
// release/enarx.js: has V8 keep what it compiles of the command for the next start, then runs it. Compiling is a tenth of what a run
// costs this process. The cache is the user's, below his cache directory; V8 holds it against the source and drops it when it is stale.
import { mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { env } from 'node:process';

const home = env['XDG_CACHE_HOME'];
const base = home !== undefined && isAbsolute(home) ? home : join(homedir(), '.cache');
// A directory that cannot be written to is no reason not to run. It is there when Node hears of it, since Node's own way to make one
// never ends where the kernel answers ENOENT below a directory that is there, as it does in /proc.
if (isDirectory(base) && isDirectory(join(base, 'enarx'))) enableCompileCache(join(base, 'enarx'));
await import(new URL('command.js', import.meta.url).href);

/** Makes it where it is missing and its parent is there. */
function isDirectory(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EEXIST';
  }
}
