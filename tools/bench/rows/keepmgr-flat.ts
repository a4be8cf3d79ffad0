// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  cborContentType,
  createKeep,
  decodeMessage,
  encodeMessage,
  formatKeepId,
  keep,
} from '@enarx/protocol';

import { emptyRelease } from '../records.ts';
import type { BenchModule, BenchRow } from '../row.ts';

interface Size {
  /** Bytes. */
  readonly memory: number;
  readonly descriptors: number;
}

function sizeOf(pid: number): Size {
  const pages = Number(readFileSync(`/proc/${String(pid)}/statm`, 'utf8').split(' ')[1]);
  return { memory: pages * 4096, descriptors: readdirSync(`/proc/${String(pid)}/fd`).length };
}

/** Keeps up and down: so many, some at once. */
async function churn(address: string, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const { hostname, port } = new URL(address);
  const ask = (method: string, path: string, body?: Uint8Array): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': cborContentType, 'content-length': body?.length ?? 0 };
      request({ host: hostname, port, agent, method, path, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => {
          if ((answer.statusCode ?? 500) < 300) resolve(Buffer.concat(chunks));
          else reject(new Error(`status ${String(answer.statusCode)}`));
        });
      })
        .on('error', reject)
        .end(body);
    });
  const wanted = encodeMessage(createKeep, { tee: 'sim' });
  let left = count;
  const some = async (): Promise<void> => {
    while ((left -= 1) >= 0) {
      const { id } = decodeMessage(keep, await ask('POST', '/v1/keeps', wanted));
      await ask('DELETE', `/v1/keeps/${formatKeepId(id)}`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, some));
  agent.destroy();
}

async function measure({ short }: { short: boolean }): Promise<BenchRow[]> {
  const state = mkdtempSync(join(tmpdir(), 'enarx-bench-flat-'));
  const script = join(import.meta.dirname, '..', 'null-keepmgr.ts');
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--no-warnings', script, join(state, 'state'), emptyRelease(state)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    const [address] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const count = short ? 200 : 1000;
    const sizes: Size[] = [];
    // What the first thousand leaves behind is what a running daemon has; the next ones must add nothing.
    for (let round = 0; round < 2; round += 1) {
      await churn(address, count);
      await sleep(1000);
      sizes.push(sizeOf(child.pid as number));
    }
    const [first, last] = [sizes[0] as Size, sizes.at(-1) as Size];
    const of = `${String(count)} more Keeps up and down after ${String(count)}, null backend`;
    return [
      {
        id: 'keepmgr-flat-memory',
        goal: 1.1,
        better: 'lower',
        ratio: last.memory / first.memory,
        samples: count,
        detail: `${sizes.map(({ memory }) => `${(memory / 1_048_576).toFixed(0)} MiB`).join(', ')}: ${of}`,
      },
      {
        id: 'keepmgr-flat-descriptors',
        goal: 1,
        better: 'lower',
        ratio: last.descriptors / first.descriptors,
        samples: count,
        detail: `${sizes.map(({ descriptors }) => String(descriptors)).join(', ')}: ${of}`,
      },
    ];
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    rmSync(state, { recursive: true, force: true });
  }
}

export default {
  title: 'memory and descriptors of keepmgr over 1000 Keeps up and down, again and again',
  measure,
} satisfies BenchModule;
