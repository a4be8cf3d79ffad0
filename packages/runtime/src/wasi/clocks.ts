// SPDX-License-Identifier: Apache-2.0
import { fail } from './errno.ts';

export const clockId = { realtime: 0, monotonic: 1, processCpu: 2, threadCpu: 3 } as const;

// Looked up once: `process` is no plain object, and finding something in it takes as long as reading the clock.
const monotonic = process.hrtime.bigint.bind(process.hrtime);
const nanosecondsPerMillisecond = 1_000_000n;
const nanosecondsPerMicrosecond = 1000n;

/** Nanoseconds. The program is alone in its process, so both processor clocks are the same one. */
export function now(id: number): bigint {
  switch (id) {
    case clockId.realtime:
      return BigInt(Date.now()) * nanosecondsPerMillisecond;
    case clockId.monotonic:
      return monotonic();
    case clockId.processCpu:
    case clockId.threadCpu: {
      const { user, system } = process.cpuUsage();
      return BigInt(user + system) * nanosecondsPerMicrosecond;
    }
    default:
      return fail('inval');
  }
}

/** Nanoseconds between two values that a clock can show. */
export function resolution(id: number): bigint {
  switch (id) {
    case clockId.realtime:
      return nanosecondsPerMillisecond;
    case clockId.monotonic:
      return 1n;
    case clockId.processCpu:
    case clockId.threadCpu:
      return nanosecondsPerMicrosecond;
    default:
      return fail('inval');
  }
}
