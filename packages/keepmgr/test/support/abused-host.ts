// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { build } from 'esbuild';

import { releaseWithStandIn } from '../../../keepldr/test/support/release.ts';
import { Authority, type Issued } from './authority.ts';
import { startFaulty, type FaultyDaemon } from './faults.ts';
import { stateDirectory } from './host.ts';

export const abuses = [
  'slowloris',
  'smuggling',
  'bodies',
  'connections',
  'paths',
  'keep-floods',
  'keep-stalls',
  'loader-floods',
] as const;
export type Abuse = (typeof abuses)[number];

export interface Abused extends AsyncDisposable {
  readonly daemon: FaultyDaemon;
  /** Times of a quiet tenant's requests in milliseconds, sorted; one each 20 ms. @throws Error for one without its answer */
  quiet(milliseconds: number): Promise<number[]>;
  /** The same while somebody else does that. */
  under(abuse: Abuse, milliseconds: number): Promise<number[]>;
}

/** @param liars - a release whose loaders flood */
export async function startAbused(liars: boolean): Promise<Abused> {
  const directory = mkdtempSync(join(tmpdir(), 'enarx-abused-'));
  const authority = new Authority(directory, 'ours');
  const server = authority.issue('server', 'subjectAltName=IP:127.0.0.1');
  const quietOne = authority.issue('quiet');
  const mallory = authority.issue('mallory');
  const config = join(directory, 'keepmgr.toml');
  writeFileSync(config, configuration(authority, server, quietOne, mallory));
  const state = await stateDirectory();
  const release = liars ? await releaseOfLiars(directory) : undefined;
  const daemon = await startFaulty(state.path, {
    listen: 'https://127.0.0.1:0',
    arguments: ['--config', config],
    release,
  });
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 4,
    ca: authority.root.certificate,
    cert: quietOne.certificate,
    key: quietOne.key,
  });
  const ask = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const began = performance.now();
      request(
        { host: '127.0.0.1', port: daemon.client.port, path: '/v1/keeps?limit=10', agent },
        (answer) => {
          answer.resume().on('end', () => {
            if (answer.statusCode === 200) resolve(performance.now() - began);
            else reject(new Error(`status ${String(answer.statusCode)}`));
          });
        },
      )
        .on('error', reject)
        .end();
    });
  const quiet = async (milliseconds: number): Promise<number[]> => {
    const asked: Promise<number>[] = [];
    const end = performance.now() + milliseconds;
    while (performance.now() < end) {
      asked.push(ask());
      await sleep(20);
    }
    return (await Promise.all(asked)).sort((one, other) => one - other);
  };
  return {
    daemon,
    quiet,
    under: async (abuse, milliseconds) => {
      const script = join(import.meta.dirname, 'abuser.ts');
      const words = ['--conditions=source', '--no-warnings', script, abuse, String(daemon.client.port)];
      const abuser = spawn(process.execPath, [...words, mallory.certificateFile, mallory.keyFile], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        await once(abuser.stdout, 'data');
        return await quiet(milliseconds);
      } finally {
        abuser.kill('SIGKILL');
        await once(abuser, 'close');
      }
    },
    [Symbol.asyncDispose]: async () => {
      agent.destroy();
      await daemon[Symbol.asyncDispose]();
      state.remove();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The slowest of a hundred. */
export function p99(sorted: readonly number[]): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? NaN;
}

function configuration(authority: Authority, server: Issued, quiet: Issued, mallory: Issued): string {
  return `[tls]
certificate = ${JSON.stringify(server.certificateFile)}
key = ${JSON.stringify(server.keyFile)}
clientAuthorities = ${JSON.stringify(authority.root.certificateFile)}
[tenants.quiet]
certificate = "${quiet.fingerprint}"
[tenants.mallory]
certificate = "${mallory.fingerprint}"
keeps = 4
`;
}

async function releaseOfLiars(directory: string): Promise<string> {
  const release = join(directory, 'release');
  cpSync(await releaseWithStandIn(), release, { recursive: true });
  await build({
    entryPoints: [join(import.meta.dirname, 'lying-loader.ts')],
    outfile: join(release, 'keepldr.js'),
    bundle: true,
    conditions: ['source'],
    format: 'esm',
    platform: 'node',
    target: 'node26',
    logLevel: 'warning',
    allowOverwrite: true,
  });
  writeFileSync(join(release, 'behaviour'), 'flood-logs');
  return release;
}

/** Resident memory of a process in bytes. */
export function memoryOf(pid: number): number {
  const pages = readFileSync(`/proc/${String(pid)}/statm`, 'utf8').split(' ')[1];
  return Number(pages) * 4096;
}
