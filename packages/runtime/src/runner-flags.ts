// SPDX-License-Identifier: Apache-2.0
import type { Limits, Optimization } from '@enarx/protocol';

/** What decides how V8 has to be set up. */
export interface Shape {
  /** Module size in bytes. */
  readonly size: number;
  readonly limits: Limits;
  /** `auto` when left out. */
  readonly optimize?: Optimization | undefined;
}

/** How V8 is set up. Its flags are settled when a process starts, so a runner fits some workloads and not others. */
export interface Tuning {
  /**
   * At which tier code is compiled. V8 never replaces code that is running, so with `default` a long loop in a function that is called once stays in the baseline
   * tier for ever, eight times slower; but `top` takes a second for each megabyte, which large modules cannot afford.
   */
  readonly tiers: 'top' | 'default' | 'baseline';
  /** Linear memory in 64 KiB pages. */
  readonly pages: number;
  /** Stack in KiB. */
  readonly stack: number;
}

/** Tells the runner not to suspend its program. */
export const blockingArgument = 'blocking';

const pageSize = 65_536;
const pagesOf32Bits = 65_536;
const pagesPerMebibyte = 16;
/** Bytes of module up to which compiling it at the top tier costs about a second or less. */
const topTierSize = 1_572_864;
/** Mebibytes of JavaScript heap. Programs with garbage-collected types live in it; the runner itself needs little. */
const leastHeap = 64;
/** What the common workload is: small, and with no limit of its own. */
const commonShape: Shape = { size: 1, limits: {} };

/** Bytes of linear memory where the workload sets no limit. */
export const defaultMemory = 1_073_741_824;
/** KiB: what V8 has by itself, and what it can be given. The stack of a suspended program is a mapping of its own; a blocked one runs on the thread's, which has 8 MiB. */
const defaultStack = 984;
const leastStack = 64;
const mostStack = 65_536;
const mostThreadStack = 7168;

/** @param shape - of its memory limit whole pages count, and no 32-bit program can have more than 4 GiB */
export function tuningFor({ size, limits, optimize = 'auto' }: Shape = commonShape): Tuning {
  const { memory = defaultMemory, stack } = limits;
  return {
    tiers: tiersFor(size, optimize),
    pages: Math.min(Math.floor(memory / pageSize), pagesOf32Bits),
    stack:
      stack === undefined
        ? defaultStack
        : Math.min(Math.max(Math.floor(stack / 1024), leastStack), mostStack),
  };
}

function tiersFor(size: number, optimize: Optimization): Tuning['tiers'] {
  if (optimize === 'baseline') return 'baseline';
  return optimize === 'full' || size <= topTierSize ? 'top' : 'default';
}

const tierFlags = {
  top: ['--no-liftoff'],
  default: [],
  baseline: ['--liftoff-only'],
} as const satisfies Record<Tuning['tiers'], readonly string[]>;

/**
 * Arguments for Node. Its permission model denies files, network, child processes, workers, addons and node:wasi; the rest closes what it leaves open. This is the
 * second ring, behind WebAssembly's own; the sandbox around the process is the third.
 */
export function nodeArguments(runner: string, { tiers, pages, stack }: Tuning, blocking = false): string[] {
  return [
    '--permission',
    `--allow-fs-read=${runner}`,
    '--disallow-code-generation-from-strings',
    '--disable-proto=throw',
    '--no-addons',
    '--no-experimental-ffi',
    '--no-experimental-sqlite',
    '--disable-sigusr1',
    '--no-warnings',
    `--wasm-max-mem-pages=${String(pages)}`,
    `--max-old-space-size=${String(Math.max(leastHeap, Math.floor(pages / pagesPerMebibyte)))}`,
    `--stack-size=${String(Math.min(stack, mostThreadStack))}`,
    `--wasm-stack-switching-stack-size=${String(stack)}`,
    ...tierFlags[tiers],
    runner,
    ...(blocking ? [blockingArgument] : []),
  ];
}
