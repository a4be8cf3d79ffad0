// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startRunner } from '@enarx/runtime';

import { programs } from '../../../test/support/programs.ts';
import { start } from '../../../packages/runtime/test/support.ts';
import { release } from '../host.ts';
import { largeModule } from '../large-module.ts';
import { inPairs } from '../pairs.ts';
import type { BenchModule } from '../row.ts';

/** Milliseconds from the start of the runner process to the first byte that its program prints. */
async function helloInRunner(module: Uint8Array, runner: string): Promise<number> {
  const begun = performance.now();
  const first = Promise.withResolvers<number>();
  const { finished } = await start(module, {
    runner,
    onOutput: () => {
      first.resolve(performance.now() - begun);
      return Promise.resolve();
    },
  });
  const time = await first.promise;
  await finished;
  return time;
}

async function helloInNode(script: string): Promise<number> {
  const begun = performance.now();
  const child = spawn(process.execPath, [script], { env: {}, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const time = performance.now() - begun;
  await once(child, 'close');
  return time;
}

/** Milliseconds from the first byte of the module until its program starts, in a runner that was there before. */
async function startLarge(module: Uint8Array, runner: string): Promise<number> {
  const started = Promise.withResolvers<number>();
  const waiting = startRunner({ runner, shape: { size: module.length, limits: {} } });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const begun = performance.now();
  const run = waiting.run({
    size: module.length,
    limits: {},
    args: ['large'],
    env: [],
    onStarted: () => {
      started.resolve(performance.now() - begun);
    },
    onStdinWanted: () => undefined,
    onOutput: () => Promise.resolve(),
  });
  await run.writeModule(module);
  await run.ended;
  await waiting.exited;
  return started.promise;
}

const readAndCompile = `
  import { Socket } from 'node:net';
  const module = new Uint8Array(Number(process.argv[2]));
  let received = 0;
  const input = new Socket({ fd: 0 });
  process.stdout.write('ready');
  input.on('data', async (chunk) => {
    module.set(chunk, received);
    received += chunk.length;
    if (received < module.length) return;
    const alive = setInterval(() => {}, 1000);
    await WebAssembly.compile(module);
    process.stdout.write('compiled');
    process.exit();
  });`;

/** The same bytes through a pipe to a Node process that does nothing with them but compile. */
async function compileBare(module: Uint8Array, script: string): Promise<number> {
  const child = spawn(process.execPath, [script, String(module.length)], {
    env: {},
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  await new Promise((resolve) => setTimeout(resolve, 170));
  const begun = performance.now();
  child.stdin.write(module);
  await once(child.stdout, 'data');
  const time = performance.now() - begun;
  await once(child, 'close');
  return time;
}

export default {
  title: 'how soon a program runs, and many at once',
  async measure({ short }) {
    const scratch = mkdtempSync(join(tmpdir(), 'enarx-bench-start-'));
    const hello = programs.print('hello\n');
    const samples = short ? 1 : 11;
    try {
      // As it is released: the one that tests make loads more of Node.
      const runner = join(release, 'runner.cjs');
      const greeting = join(scratch, 'hello.mjs');
      writeFileSync(greeting, "process.stdout.write('hello\\n');");
      const first = await inPairs(
        samples,
        () => helloInRunner(hello, runner),
        () => helloInNode(greeting),
      );
      const compiling = join(scratch, 'compile.mjs');
      writeFileSync(compiling, readAndCompile);
      const module = largeModule(short ? 8_000_000 : 40_000_000);
      const large = await inPairs(
        short ? 1 : 7,
        () => startLarge(module, runner),
        () => compileBare(module, compiling),
      );
      const [several, one] = [6, 1];
      const timeFor = async (count: number): Promise<number> => {
        const begun = performance.now();
        await Promise.all(
          Array.from({ length: count }, async () => (await start(hello, { runner })).finished),
        );
        return (performance.now() - begun) / count;
      };
      const many = await inPairs(
        samples,
        () => timeFor(several),
        () => timeFor(one),
      );
      return [
        {
          id: 'runtime-hello-first-byte',
          ratio: first.ratio,
          goal: 1.3,
          better: 'lower',
          samples: first.samples,
          detail: `${first.subject.toFixed(1)} ms from spawn to the first byte, bare Node ${first.baseline.toFixed(1)} ms`,
        },
        {
          id: 'runtime-large-module',
          ratio: large.ratio,
          goal: 1.1,
          better: 'lower',
          samples: large.samples,
          detail: `${String(module.length / 1e6)} MB: ${large.subject.toFixed(0)} ms until it runs, ${large.baseline.toFixed(0)} ms through a pipe and compiled bare`,
        },
        {
          id: 'runtime-many-at-once',
          ratio: many.ratio,
          goal: 1,
          better: 'lower',
          samples: many.samples,
          detail: `${many.subject.toFixed(1)} ms a program with ${String(several)} at once, ${many.baseline.toFixed(1)} ms alone`,
        },
      ];
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
} satisfies BenchModule;
