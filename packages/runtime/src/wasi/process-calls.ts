// SPDX-License-Identifier: Apache-2.0
import { now, resolution } from './clocks.ts';
import { fail } from './errno.ts';
import type { Host } from './host.ts';
import { Poll } from './poll.ts';
import { fillRandom } from './random.ts';
import type { Waiting } from './waiting.ts';

/** Arguments, environment, clocks, randomness, waiting. */
export function processCalls(host: Host) {
  const { memory, descriptors, args, env } = host;
  return {
    args_get(pointers: number, strings: number): void {
      args.get(memory, pointers, strings);
    },
    args_sizes_get(count: number, size: number): void {
      args.sizes(memory, count, size);
    },
    environ_get(pointers: number, strings: number): void {
      env.get(memory, pointers, strings);
    },
    environ_sizes_get(count: number, size: number): void {
      env.sizes(memory, count, size);
    },
    clock_res_get(id: number, pointer: number): void {
      memory.setU64(pointer, resolution(id));
    },
    clock_time_get(id: number, _precision: bigint, pointer: number): void {
      memory.setU64(pointer, now(id));
    },
    random_get(pointer: number, length: number): void {
      fillRandom(memory, pointer, length);
    },
    sched_yield(): void {
      // The program's only thread is the one that is asking.
    },
    /** Signals never became part of preview 1; other hosts answer the same. */
    proc_raise(): void {
      fail('nosys');
    },
    *poll_oneoff(subscriptions: number, events: number, count: number, written: number): Waiting<undefined> {
      memory.check(written, 4);
      const poll = new Poll(memory, descriptors, subscriptions, events, count);
      memory.setU32(written, yield* poll.run());
      return undefined;
    },
    *proc_exit(code: number): Waiting<undefined> {
      host.exit(code >>> 0);
      for (;;) yield undefined;
    },
  };
}
