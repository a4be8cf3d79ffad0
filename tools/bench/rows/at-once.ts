// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { release, startBenchHost, type BenchHost } from '../host.ts';
import type { BenchModule, BenchRow } from '../row.ts';

const hello = join(import.meta.dirname, '..', '..', '..', 'examples', 'hello', 'hello.wasm');

/** Why a run failed, or `undefined`: each has words and a status of its own. */
function run({ url, anchor, env }: BenchHost, number: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const status = number % 64;
    const command = ['run', '--host', url, '--anchor', anchor, hello, '--', `--exit=${String(status)}`];
    const child = spawn(process.execPath, [join(release, 'enarx.js'), ...command], { env });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.end(`words of ${String(number)}`);
    child.on('close', (code) => {
      const right = code === status && stdout.includes(`line 1: words of ${String(number)}\n`);
      resolve(right ? undefined : `status ${String(code)}: ${stderr.slice(-300)}`);
    });
  });
}

async function atOnce(count: number): Promise<BenchRow> {
  await using host = await startBenchHost({ limits: { keeps: 128, createBurst: 128, launchQueue: 128 } });
  const began = performance.now();
  const failures = (await Promise.all(Array.from({ length: count }, (_, index) => run(host, index)))).filter(
    (failure) => failure !== undefined,
  );
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  return {
    id: `run-${String(count)}-at-once-failures`,
    goal: 0,
    better: 'lower',
    ratio: failures.length / count,
    samples: count,
    detail: `${String(failures.length)} of ${String(count)} failed, in ${seconds} s${failures[0] === undefined ? '' : `; the first: ${failures[0]}`}`,
  };
}

export default {
  title: 'full runs, 16 and 100 at once against one keepmgr, by how many do not come to their own end',
  measure: async ({ short }) => (short ? [await atOnce(16)] : [await atOnce(16), await atOnce(100)]),
} satisfies BenchModule;
