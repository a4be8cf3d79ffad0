// SPDX-License-Identifier: Apache-2.0
import type { Limits } from '@enarx/protocol';

/** What decides how V8 has to be set up. */
export interface Shape {
  /** Module size in bytes. */
  readonly size: number;
  readonly limits: Limits;
}

/** How V8 is set up. Its flags are settled when a process starts, so a runner fits some workloads and not others. */
export interface Tuning {
  /**
   * Compile at the top tier at once. V8 never replaces code that is running, so a long loop in a function that is called once stays in the baseline tier for
   * ever, eight times slower; but the top tier takes a second for each megabyte, which large modules cannot afford.
   */
  readonly topTier: boolean;
  /** Linear memory in 64 KiB pages. */
  readonly pages: number;
}

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

/** @param memory - bytes; whole pages of it count, and no 32-bit program can have more than 4 GiB */
export function tuningFor({ size, limits: { memory = defaultMemory } }: Shape = commonShape): Tuning {
  return {
    topTier: size <= topTierSize,
    pages: Math.min(Math.floor(memory / pageSize), pagesOf32Bits),
  };
}

/**
 * Arguments for Node. Its permission model denies files, network, child processes, workers, addons and node:wasi; the rest closes what it leaves open. This is the
 * second ring, behind WebAssembly's own; the sandbox around the process is the third.
 */
export function nodeArguments(runner: string, { topTier, pages }: Tuning): string[] {
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
    ...(topTier ? ['--no-liftoff'] : []),
    runner,
  ];
}
