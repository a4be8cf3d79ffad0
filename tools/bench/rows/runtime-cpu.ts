// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { runToEnd } from '../../../packages/runtime/test/support.ts';
import { inBareEngine } from '../bare-engine.ts';
import { inPairs } from '../pairs.ts';
import type { BenchModule, BenchRow } from '../row.ts';

const path = join(import.meta.dirname, '../../../test/programs/kernels.wasm');
const kernels = ['sha256', 'nbody', 'matmul', 'sort', 'indirect', 'malloc', 'simd', 'fib'] as const;
const rounds = '3';

/** Milliseconds of the fastest round, as the program itself has measured them. */
function fastest(printed: string): number {
  const times = printed
    .trim()
    .split('\n')
    .map((line) => Number(line.split(' ')[0]));
  return Math.min(...times) / 1e6;
}

export default {
  title: 'eight CPU kernels in a runner, over the same engine bare at its best flags',
  async measure({ short }) {
    const module = readFileSync(path);
    const rows: BenchRow[] = [];
    for (const kernel of kernels) {
      const args = ['kernels', kernel, rounds];
      const { ratio, subject, baseline, samples } = await inPairs(
        short ? 1 : 7,
        async () => fastest((await runToEnd(module, { args })).stdout.toString()),
        async () => fastest(await inBareEngine(path, args, ['--no-liftoff'])),
      );
      rows.push({
        id: `runtime-cpu-${kernel}`,
        ratio: 1 / ratio,
        goal: 0.97,
        better: 'higher',
        samples,
        detail: `${subject.toFixed(1)} ms against ${baseline.toFixed(1)} ms`,
      });
    }
    return rows;
  },
} satisfies BenchModule;
