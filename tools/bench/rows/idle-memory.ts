// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { connect } from '@enarx/client';

import { startBenchHost } from '../host.ts';
import { proportionalSize } from '../processes.ts';
import type { BenchModule, BenchRow } from '../row.ts';

const keeps = 4;
/** Everything that a Keep makes run is counted; the daemon, and its spare loader, serve all Keeps and are not. Long enough for what a start leaves behind to be collected. */
const settling = 3000;

/** Everything that runs for Keeps: processes that have their directory mounted, named or as working directory. */
function processesOf(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((id) => {
      try {
        return (
          readFileSync(`/proc/${id}/cmdline`, 'latin1').includes(directory) ||
          readFileSync(`/proc/${id}/mountinfo`, 'latin1').includes(directory) ||
          readlinkSync(`/proc/${id}/cwd`).startsWith(directory)
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

const isNode = (id: number): boolean =>
  /^(\/node|.*\/node)$/.test(readFileSync(`/proc/${String(id)}/cmdline`, 'latin1').split('\0')[0] ?? '');

async function measure({ short }: { short: boolean }): Promise<BenchRow[]> {
  await using host = await startBenchHost();
  const client = connect({ url: host.url });
  for (let count = 0; count < keeps; count += 1) {
    const keep = await client.createKeep({ tee: 'sim' });
    while ((await keep.show()).state === 'launching') await sleep(20);
  }
  client.close();
  await sleep(short ? 500 : settling);
  const directory = join(host.directory, 'host', 'keeps');
  const ids = processesOf(directory);
  const used = ids.reduce((sum, id) => sum + proportionalSize(id), 0);
  const count = ids.filter(isNode).length;

  const idle = Array.from({ length: count }, () =>
    spawn(process.execPath, ['-e', 'setInterval(() => 0, 60000)'], { stdio: 'ignore', env: {} }),
  );
  await sleep(short ? 500 : settling);
  const floor = idle.reduce((sum, { pid }) => sum + proportionalSize(pid as number), 0);
  for (const child of idle) child.kill('SIGKILL');
  const megabytes = (bytes: number): string => (bytes / keeps / 1_048_576).toFixed(1);
  return [
    {
      id: 'keep-idle-memory',
      goal: 1.25,
      better: 'lower',
      ratio: used / floor,
      samples: keeps,
      detail: `${megabytes(used)} MiB a Keep over ${megabytes(floor)} MiB for its ${String(count / keeps)} processes`,
    },
  ];
}

export default {
  title: 'memory of an idle Keep (PSS of all its processes) over as many bare Node processes',
  measure,
} satisfies BenchModule;
