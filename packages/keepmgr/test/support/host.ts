// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { sharedProcessor } from '../../../../test/support/simulated-processor.ts';
import { releaseWithStandIn } from '../../../keepldr/test/support/release.ts';
import type { Configuration } from '../../src/config/schema.ts';
import { startKeepmgr, type Keepmgr, type Limits } from '../../src/index.ts';
import { Client } from './client.ts';

/** Directories that a test which failed, or has a daemon in another process, has left behind. */
const left = new Set<string>();
process.once('exit', () => {
  for (const path of left) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
});

/** A state directory of its own, with the simulated processor already in it, so that no test waits for an RSA key. */
export async function stateDirectory(): Promise<{ path: string; remove(): void }> {
  const path = mkdtempSync(join(tmpdir(), 'enarx-state-'));
  left.add(path);
  const { file, anchorFile } = await sharedProcessor();
  copyFileSync(file, join(path, 'simulator.cbor'));
  copyFileSync(anchorFile, join(path, 'anchor.pem'));
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export interface Host extends AsyncDisposable {
  readonly client: Client;
  readonly keepmgr: Keepmgr;
  readonly state: string;
  /** Events of the daemon so far, as it wrote them. */
  readonly events: string[];
}

export interface HostOptions {
  readonly limits?: Partial<Limits>;
  readonly listen?: string | readonly string[];
  readonly state?: string;
  readonly release?: string;
  readonly config?: Configuration;
}

/** A daemon in this process; its Keeps are processes of their own. */
export async function startHost(options: HostOptions = {}): Promise<Host> {
  const own = options.state === undefined ? await stateDirectory() : undefined;
  const state = options.state ?? (own as { path: string }).path;
  const events: string[] = [];
  const keepmgr = await startKeepmgr({
    listen: options.listen ?? 'http://127.0.0.1:0',
    stateDirectory: state,
    releaseDirectory: options.release ?? (await releaseWithStandIn()),
    limits: options.limits,
    config: options.config,
    log: (line) => events.push(line),
  });
  return {
    client: new Client(keepmgr.address),
    keepmgr,
    state,
    events,
    [Symbol.asyncDispose]: async () => {
      await keepmgr.close();
      own?.remove();
    },
  };
}

export interface Daemon {
  readonly process: ChildProcess;
  readonly client: Client;
  /** The line that it printed when it was ready. */
  readonly ready: { address: string; pid: number; simulator: { anchor: string; fingerprint: string } };
  kill(): Promise<void>;
}

/** A daemon as a process of its own, which can be killed. */
export async function startDaemon(state: string, ...args: string[]): Promise<Daemon> {
  const program = join(await releaseWithStandIn(), 'keepmgr.js');
  const child = spawn(
    process.execPath,
    [program, '--listen', 'http://127.0.0.1:0', '--state', state, ...args],
    { env: {}, stdio: ['pipe', 'pipe', 'pipe'] },
  );
  // A test that fails leaves no daemon behind.
  process.once('exit', () => child.kill('SIGKILL'));
  child.unref();
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([
    once(lines, 'line').then(([first]) => first as string),
    once(child, 'exit').then(() => {
      throw new Error(`the daemon ended: ${errors}`);
    }),
  ]);
  const ready = JSON.parse(line) as Daemon['ready'];
  return {
    process: child,
    client: new Client(ready.address),
    ready,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

export { processesOf } from '../../../keepldr/test/support/processes-of.ts';
export { eventually } from '../../../keepldr/test/support/sockets.ts';
