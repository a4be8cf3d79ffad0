// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { sharedProcessor } from '../../../test/support/simulated-processor.ts';
import { release } from '../host.ts';
import { fillWithRecords } from '../records.ts';
import type { BenchModule, BenchRow } from '../row.ts';

const records = 10_000;
/** Milliseconds. */
const bound = 2000;

/** From the start of the process until it has answered. The daemon is killed then, so the next finds what a crash leaves. */
async function restart(state: string): Promise<number> {
  const { file, anchorFile } = await sharedProcessor();
  const began = performance.now();
  const child = spawn(
    process.execPath,
    [
      join(release, 'keepmgr.js'),
      ...['--listen', 'http://127.0.0.1:0', '--state', state, '--simulator', file, '--anchor', anchorFile],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { address } = JSON.parse(line) as { address: string };
  const answer = await new Promise<number | undefined>((resolve, reject) => {
    get(`${address}/v1/keeps?limit=10`, (response) => {
      response.resume().on('end', () => {
        resolve(response.statusCode);
      });
    }).on('error', reject);
  });
  const took = performance.now() - began;
  if (answer !== 200) throw new Error(`status ${String(answer)}`);
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  return took;
}

async function measure({ short }: { short: boolean }): Promise<BenchRow[]> {
  const state = mkdtempSync(join(tmpdir(), 'enarx-bench-restart-'));
  try {
    fillWithRecords(state, records);
    const times: number[] = [];
    // The daemon keeps 256 records of ended Keeps, so each start gets its 10 000 anew.
    for (let count = 0; count < (short ? 2 : 9); count += 1) {
      if (count > 0) {
        rmSync(state, { recursive: true, force: true });
        mkdirSync(state, { mode: 0o700 });
        fillWithRecords(state, records);
      }
      times.push(await restart(state));
    }
    times.sort((one, other) => one - other);
    const median = times[Math.floor(times.length / 2)] as number;
    return [
      {
        id: 'keepmgr-restart',
        goal: 1,
        better: 'lower',
        ratio: median / bound,
        samples: times.length,
        detail: `${median.toFixed(0)} ms (slowest ${(times.at(-1) as number).toFixed(0)}) over the bound of ${String(bound)} ms: from the start of the process to its first list, after a kill, ${String(records)} records`,
      },
    ];
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

export default {
  title: 'restart of a killed keepmgr with 10 000 records',
  measure,
} satisfies BenchModule;
