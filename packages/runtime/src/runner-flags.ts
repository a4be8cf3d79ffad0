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

/**
 * At which tier code is compiled. V8 never replaces code that is running, so with `default` a long loop in a function that is called once stays in the baseline
 * tier for ever, eight times slower, unless it is found before (hot-paths.ts); but `top` takes a second for each megabyte, and so most of the time of a short program.
 */
export const tiers = ['top', 'default', 'baseline'] as const;
export type Tiers = (typeof tiers)[number];

/** What is settled when a process starts, so that a runner fits some workloads and not others. All else is set when its workload is there. */
export interface Tuning {
  /** JavaScript heap in MiB. */
  readonly heap: number;
  /** Stack in KiB. */
  readonly stack: number;
}

/** Tells the runner not to suspend its program. */
export const blockingArgument = 'blocking';

const pageSize = 65_536;
const pagesOf32Bits = 65_536;
const pagesPerMebibyte = 16;
/** Bytes of component up to which compiling it at the top tier costs about a second or less. */
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

export function tuningFor({ limits }: Shape = commonShape): Tuning {
  const { stack } = limits;
  return {
    heap: Math.max(leastHeap, Math.floor(pagesFor(limits) / pagesPerMebibyte)),
    stack:
      stack === undefined
        ? defaultStack
        : Math.min(Math.max(Math.floor(stack / 1024), leastStack), mostStack),
  };
}

/** Linear memory in 64 KiB pages. Of the limit whole pages count, and no 32-bit program can have more than 4 GiB. */
export function pagesFor({ memory = defaultMemory }: Limits): number {
  return Math.min(Math.floor(memory / pageSize), pagesOf32Bits);
}

const tiersOf: Readonly<Record<Optimization, Tiers>> = { auto: 'default', baseline: 'baseline', full: 'top' };

export function tiersFor({ optimize = 'auto' }: Shape): Tiers {
  return tiersOf[optimize];
}

/**
 * Arguments for Node. Its permission model denies files, network, child processes, workers, addons and node:wasi; the rest closes what it leaves open. This is the
 * second ring, behind WebAssembly's own; the sandbox around the process is the third.
 *
 * Flags of V8 are not among them, but for the stack where it is asked for: a flag on the command line makes V8 throw away the compiled code that Node carries, and a
 * process then takes a third longer to boot. So what V8 lets be set later is set later ({@link engineFlags}). `--disallow-code-generation-from-strings` cannot be,
 * and is left out: whoever runs JavaScript here already has code, and node:vm, which it does not cover, makes more.
 */
export function nodeArguments(runner: string, { heap, stack }: Tuning, blocking = false): string[] {
  return [
    '--permission',
    `--allow-fs-read=${runner}`,
    '--disable-proto=throw',
    '--no-addons',
    '--no-experimental-ffi',
    '--no-experimental-sqlite',
    '--disable-sigusr1',
    '--no-warnings',
    `--max-old-space-size=${String(heap)}`,
    ...(stack === defaultStack
      ? []
      : [
          `--stack-size=${String(Math.min(stack, mostThreadStack))}`,
          `--wasm-stack-switching-stack-size=${String(stack)}`,
        ]),
    runner,
    ...(blocking ? [blockingArgument] : []),
  ];
}

const tierFlags: Readonly<Record<Tiers, readonly string[]>> = {
  // The baseline tier gathers what inlining of indirect calls and deoptimising go by. On a command line V8 sees that itself; here it has to be told, or it aborts.
  top: ['--no-wasm-dynamic-tiering', '--no-wasm-deopt', '--no-wasm-inlining-call-indirect', '--no-liftoff'],
  default: [],
  baseline: ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering', '--liftoff-only'],
};

/** Flags of V8 for one workload, to be set before its module is compiled. */
export function engineFlags(chosen: Tiers): readonly string[] {
  return tierFlags[chosen];
}

/**
 * The heap may grow to five times what is alive in it before V8 collects it again, and still not beyond its bound. By itself V8 collects every eighth request of a
 * handler, each of which leaves an instance behind. `--initial-old-space-size` does the same, but only on a command line, and there it costs Node's compiled code.
 */
const unhurried = '--heap-growing-percent=400';

/** The same for a component, in which nobody looks for loops: a small one is compiled well as a whole. @param size - of all its modules, bytes */
export function componentFlags(chosen: Tiers, size: number): readonly string[] {
  return [unhurried, ...(chosen === 'default' && size <= topTierSize ? tierFlags.top : [])];
}
