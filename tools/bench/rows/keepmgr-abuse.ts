// SPDX-License-Identifier: Apache-2.0
import { abuses, p99, startAbused, type Abuse } from '../../../packages/keepmgr/test/support/abused-host.ts';
import type { BenchModule, BenchRow } from '../row.ts';

interface Seen {
  readonly abuse: Abuse;
  readonly before: number;
  readonly during: number;
  readonly count: number;
}

async function one(abuse: Abuse, short: boolean): Promise<Seen> {
  const duration = short ? 1500 : 8000;
  await using host = await startAbused(abuse === 'loader-floods');
  await host.quiet(500);
  const before = await host.quiet(duration);
  const during = await host.under(abuse, duration);
  return { abuse, before: p99(before), during: p99(during), count: during.length };
}

async function measure({ short }: { short: boolean }): Promise<BenchRow[]> {
  const seen: Seen[] = [];
  for (const abuse of abuses) seen.push(await one(abuse, short));
  const ratioOf = ({ before, during }: Seen): number => during / before;
  const worst = seen.reduce((most, next) => (ratioOf(next) > ratioOf(most) ? next : most));
  return [
    {
      id: 'keepmgr-abuse-p99',
      goal: 5,
      better: 'lower',
      ratio: ratioOf(worst),
      samples: worst.count,
      detail: `worst: ${worst.abuse}; ${seen
        .map(({ abuse, before, during }) => `${abuse} ${during.toFixed(1)} over ${before.toFixed(1)} ms`)
        .join(', ')}`,
    },
  ];
}

export default {
  title:
    'p99 of a quiet tenant over TLS while somebody abuses the daemon, over its p99 without, by kind of abuse',
  measure,
} satisfies BenchModule;
