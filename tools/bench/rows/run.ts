// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { connect } from '@enarx/client';

import { release, startBenchHost, type BenchHost } from '../host.ts';
import { inPairs } from '../pairs.ts';
import { processorTime, processorTimeOfChildren, timed } from '../processes.ts';
import type { BenchModule, BenchRow } from '../row.ts';

const hello = join(import.meta.dirname, '..', '..', '..', 'examples', 'hello', 'hello.wasm');
/** /proc counts processor time in steps of 10 ms, so single runs would say little. */
const runsPerMeasurement = 5;

function run({ url, anchor, env }: BenchHost): Promise<number> {
  return timed(
    process.execPath,
    [join(release, 'enarx.js'), 'run', '--host', url, '--anchor', anchor, hello],
    {
      env,
    },
  );
}

const bare = (): Promise<number> => timed(process.execPath, ['-e', '0']);

/** Milliseconds in which a host that has ended its last Keep boots its spare loader. */
const restOfHost = 1500;

/**
 * Waits until nothing of the last run is left on the host and it has its spare loader again: what a host does between two runs is not to be
 * measured with the next baseline, and a host that rests is what a cold run meets.
 */
async function settled({ url }: BenchHost): Promise<void> {
  const host = connect({ url });
  while ((await host.keeps()).length > 0) await sleep(20);
  host.close();
  await sleep(restOfHost);
}

/** Processor time of some runs of an action: of the children of this process, and of a daemon with its own. */
async function processorTimeOf(
  action: () => Promise<number>,
  daemon?: number,
  settle?: () => Promise<void>,
): Promise<number> {
  const used = (): number => processorTimeOfChildren() + (daemon === undefined ? 0 : processorTime(daemon));
  const before = used();
  for (let count = 0; count < runsPerMeasurement; count += 1) await action();
  await settle?.();
  return (used() - before) / runsPerMeasurement;
}

const milliseconds = (subject: number, baseline: number): string =>
  `${subject.toFixed(0)} ms over ${baseline.toFixed(0)} ms`;

async function measure({ short }: { short: boolean }): Promise<BenchRow[]> {
  await using host = await startBenchHost();
  const wall = await inPairs(
    short ? 3 : 31,
    () => run(host),
    bare,
    () => settled(host),
  );
  const processor = await inPairs(
    short ? 1 : 7,
    () =>
      processorTimeOf(
        () => run(host),
        host.pid,
        () => settled(host),
      ),
    () => processorTimeOf(bare),
  );
  const at16 = (action: () => Promise<number>) => async (): Promise<number> => {
    const started = performance.now();
    await Promise.all(Array.from({ length: 16 }, action));
    return performance.now() - started;
  };
  const sixteen = await inPairs(
    short ? 1 : 7,
    at16(() => run(host)),
    at16(bare),
    () => settled(host),
  );
  return [
    {
      id: 'run-cold-wall',
      goal: 5,
      better: 'lower',
      ratio: wall.ratio,
      samples: wall.samples,
      detail: milliseconds(wall.subject, wall.baseline),
    },
    {
      id: 'run-cold-cpu',
      goal: 8,
      better: 'lower',
      ratio: processor.ratio,
      samples: processor.samples,
      detail: milliseconds(processor.subject, processor.baseline),
    },
    {
      id: 'run-16-at-once-wall',
      goal: 8,
      better: 'lower',
      ratio: sixteen.ratio,
      samples: sixteen.samples,
      detail: milliseconds(sixteen.subject, sixteen.baseline),
    },
  ];
}

export default {
  title:
    'one full run against a running keepmgr, from the start of the command to its exit, over `node -e 0`; and 16 at once over 16',
  measure,
} satisfies BenchModule;
