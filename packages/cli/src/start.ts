// SPDX-License-Identifier: Apache-2.0
//
// release/enarx.js: has V8 keep what it compiles of the command for the next start, then runs it. Compiling is a tenth of what a run
// costs this process. The cache is the user's, below his cache directory; V8 holds it against the source and drops it when it is stale.
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { env } from 'node:process';

const home = env['XDG_CACHE_HOME'];
const base = home !== undefined && isAbsolute(home) ? home : join(homedir(), '.cache');
// A directory that cannot be written to is no reason not to run.
enableCompileCache(join(base, 'enarx'));
await import(new URL('command.js', import.meta.url).href);
