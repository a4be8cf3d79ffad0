// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { cborContentType, createKeep, encodeMessage } from '@enarx/protocol';

import { referenceTo } from '../../../packages/keepldr/src/processes.ts';
import { startKeepmgr, type Launcher } from '../../../packages/keepmgr/src/index.ts';
import { sharedProcessor } from '../../../test/support/simulated-processor.ts';
import { emptyRelease, fillWithRecords } from '../records.ts';
import type { BenchModule, BenchRow } from '../row.ts';

const records = 10_000;
const perSecond = 200;
/** Milliseconds that the slowest of a hundred requests may take. */
const bound = 20;

/** No loader at all: what is measured is the daemon and its disk. */
function nullLauncher(pid: number): Launcher {
  const process = referenceTo(pid);
  return {
    launch: () =>
      Promise.resolve({ process, begin: () => undefined, exited: new Promise<string>(() => undefined) }),
  };
}

async function measure({ short }: { short: boolean }): Promise<BenchRow[]> {
  const state = mkdtempSync(join(tmpdir(), 'enarx-bench-api-'));
  const release = emptyRelease(state);
  fillWithRecords(state, records);
  const stand = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  const { file, anchorFile } = await sharedProcessor();
  const many = 1_000_000;
  const keepmgr = await startKeepmgr({
    listen: 'http://127.0.0.1:0',
    stateDirectory: state,
    releaseDirectory: release,
    simulator: { file, anchorFile },
    launcher: nullLauncher(stand.pid as number),
    limits: {
      keeps: many,
      createBurst: many,
      launchesAtOnce: many,
      endedKeeps: many,
      launchTime: 600_000,
      processMemory: 0,
    },
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const { hostname, port } = new URL(keepmgr.address);
  const body = encodeMessage(createKeep, { tee: 'sim' });
  const ask = (method: string, path: string, content?: Uint8Array): Promise<number> =>
    new Promise((resolve, reject) => {
      const began = performance.now();
      const headers = { 'content-type': cborContentType, 'content-length': content?.length ?? 0 };
      request({ host: hostname, port, agent, method, path, headers }, (answer) => {
        answer.resume().on('end', () => {
          if (answer.statusCode === 200 || answer.statusCode === 201) resolve(performance.now() - began);
          else reject(new Error(`status ${String(answer.statusCode)}`));
        });
      })
        .on('error', reject)
        .end(content);
    });
  try {
    const asked: Promise<number>[] = [];
    const seconds = short ? 1 : 10;
    const began = performance.now();
    for (let count = 0; count < seconds * perSecond; count += 1) {
      asked.push(ask('POST', '/v1/keeps', body), ask('GET', '/v1/keeps?limit=10'));
      const due = began + ((count + 1) * 1000) / perSecond;
      await sleep(Math.max(0, due - performance.now()));
    }
    const times = (await Promise.all(asked)).sort((one, other) => one - other);
    const p99 = times[Math.floor(times.length * 0.99)] as number;
    return [
      {
        id: 'keepmgr-api-p99',
        goal: 1,
        better: 'lower',
        ratio: p99 / bound,
        samples: times.length,
        detail: `p99 ${p99.toFixed(1)} ms over the bound of ${String(bound)} ms: ${String(perSecond)} creates and lists a second, ${String(records)} records, no loader`,
      },
    ];
  } finally {
    agent.destroy();
    await keepmgr.close();
    stand.kill('SIGKILL');
    rmSync(state, { recursive: true, force: true });
  }
}

export default {
  title: 'API latency of keepmgr with 10 000 records at 200 creates a second, without loaders',
  measure,
} satisfies BenchModule;
