// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { inNode } from '../../../packages/runtime/test/node-wasi.ts';
import { runToEnd } from '../../../packages/runtime/test/support.ts';
import { inPairs } from '../pairs.ts';
import type { BenchModule, BenchRow } from '../row.ts';

const program = join(import.meta.dirname, '../../../test/programs/calls.wasm');
const calls = [
  'clock',
  'write-64',
  'read-64',
  'write-64k',
  'read-64k',
  'create',
  'open',
  'stat',
  'list',
] as const;
const files = [
  ...(['stdin', 'stdout', 'stderr'] as const).map((kind) => ({ kind })),
  { kind: 'directory', path: '/data' } as const,
];

export default {
  title: 'file and clock calls in a runner, over node:wasi on a directory of the host',
  async measure({ short }) {
    const module = readFileSync(program);
    const scratch = mkdtempSync(join(tmpdir(), 'enarx-bench-calls-'));
    const rows: BenchRow[] = [];
    let directories = 0;
    try {
      for (const call of calls) {
        const args = ['calls', call];
        const { ratio, subject, baseline, samples } = await inPairs(
          short ? 1 : 5,
          async () => Number((await runToEnd(module, { args, files })).stdout.toString()),
          async () => {
            const data = join(scratch, String((directories += 1)));
            mkdirSync(data);
            const { stdout } = await inNode(module, { args }, { '/data': data }, ['--no-liftoff']);
            rmSync(data, { recursive: true });
            return Number(stdout.toString());
          },
        );
        rows.push({
          id: `runtime-call-${call}`,
          ratio,
          goal: 1,
          better: 'lower',
          samples,
          detail: `${subject.toFixed(0)} ns a call against ${baseline.toFixed(0)} ns`,
        });
      }
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
    return rows;
  },
} satisfies BenchModule;
