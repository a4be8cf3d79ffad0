// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runToEnd } from '../../../packages/runtime/test/support.ts';
import { inBareEngine } from '../bare-engine.ts';
import { hiddenAmong } from '../hidden-kernels.ts';
import { inPairs } from '../pairs.ts';
import type { BenchModule, BenchRow } from '../row.ts';
import { findWasmtime } from '../wasmtime.ts';

const path = join(import.meta.dirname, '../../../test/programs/kernels.wasm');
const kernels = ['sha256', 'nbody', 'matmul', 'sort', 'indirect', 'malloc', 'simd', 'fib'] as const;
const rounds = '3';
/** Copies of all functions, of which one is called. */
const copies = 100;

interface Rounds {
  /** Milliseconds of the fastest, as the program itself has measured them. */
  readonly fastest: number;
  /** What it has computed. */
  readonly result: string;
}

function read(printed: string): Rounds {
  const lines = printed.trim().split('\n');
  const times = lines.map((line) => Number(line.split(' ')[0]));
  return { fastest: Math.min(...times) / 1e6, result: lines.map((line) => line.split(' ')[1]).join() };
}

export default {
  title: 'eight CPU kernels in a runner, over the same engine bare at its best flags, and over wasmtime',
  async measure({ short }) {
    const module = readFileSync(path);
    const wasmtime = findWasmtime();
    if (wasmtime === undefined)
      console.log('  without wasmtime: no Python here has it (pip install wasmtime, ENARX_WASMTIME_PYTHON)');
    const rows: BenchRow[] = [];
    const lost: string[] = [];
    for (const kernel of kernels) {
      const args = ['kernels', kernel, rounds];
      let result = '';
      const inRunner = async (): Promise<number> => {
        const ours = read((await runToEnd(module, { args })).stdout.toString());
        result = ours.result;
        return ours.fastest;
      };
      const add = async (
        id: string,
        goal: number,
        against: string,
        run: () => Promise<string>,
      ): Promise<number> => {
        const { ratio, subject, baseline, samples } = await inPairs(short ? 1 : 7, inRunner, async () => {
          const theirs = read(await run());
          // Another result would be another computation.
          if (result !== '' && theirs.result !== result)
            throw new Error(`${id}: ${theirs.result} against ${result}`);
          return theirs.fastest;
        });
        const detail = `${subject.toFixed(1)} ms against ${baseline.toFixed(1)} ms${against}`;
        rows.push({ id, ratio: 1 / ratio, goal, better: 'higher', samples, detail });
        return 1 / ratio;
      };
      await add(`runtime-cpu-${kernel}`, 0.97, '', () => inBareEngine(path, args, ['--no-liftoff']));
      if (wasmtime === undefined) continue;
      const over = await add(`runtime-wasmtime-${kernel}`, 0.95, ` of wasmtime ${wasmtime.version}`, () =>
        wasmtime.run(path, args),
      );
      if (over < 0.95) lost.push(`${kernel} (${over.toFixed(2)})`);
    }
    rows.push(await measureHidden(module, short));
    if (wasmtime !== undefined)
      console.log(
        lost.length === 0
          ? `  no kernel is lost to wasmtime ${wasmtime.version}`
          : `  lost to wasmtime ${wasmtime.version}: ${lost.join(', ')}`,
      );
    return rows;
  },
} satisfies BenchModule;

/** One of them in a large module, of which most is never called: whether the size of a module decides how its loops are compiled. */
async function measureHidden(module: Uint8Array, short: boolean): Promise<BenchRow> {
  const large = hiddenAmong(copies, module);
  const directory = mkdtempSync(join(tmpdir(), 'enarx-bench-'));
  try {
    const file = join(directory, 'large.wasm');
    writeFileSync(file, large);
    const args = ['kernels', 'nbody', '1'];
    const { ratio, subject, baseline, samples } = await inPairs(
      short ? 1 : 7,
      async () => read((await runToEnd(large, { args })).stdout.toString()).fastest,
      async () => read(await inBareEngine(file, args, ['--no-liftoff'])).fastest,
    );
    const size = `in a module of ${(large.length / 1e6).toFixed(1)} MB`;
    const detail = `${subject.toFixed(1)} ms against ${baseline.toFixed(1)} ms ${size}`;
    return { id: 'runtime-cpu-hidden', ratio: 1 / ratio, goal: 0.97, better: 'higher', samples, detail };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
