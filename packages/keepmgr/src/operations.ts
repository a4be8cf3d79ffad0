// SPDX-License-Identifier: Apache-2.0
import type { ApiSubject } from './api/routes.ts';
import { Collateral } from './collateral.ts';
import type { InForce } from './config/in-force.ts';
import type { Keeps } from './keeps/keeps.ts';
import type { Launcher } from './launchers/launcher.ts';
import type { Metrics } from './metrics.ts';
import type { SimulatedAnchor } from './simulated-processor.ts';
import { writeBundle } from './support/bundle.ts';
import type { RecentLines } from './support/recent-lines.ts';

interface Operated {
  readonly release: string;
  readonly clock: () => number;
  readonly inForce: InForce;
  readonly keeps: Keeps;
  readonly launcher: Launcher;
  readonly metrics: Metrics;
  /** Of the log. */
  readonly lines: RecentLines;
  readonly platform: ApiSubject['platform'];
  readonly simulator: Promise<SimulatedAnchor>;
  readonly ending: () => boolean;
}

/** What the API tells those who operate the host. */
export function operations(operated: Operated): Pick<ApiSubject, 'obstacles' | 'scrape' | 'support'> {
  const { release, clock, inForce, keeps, metrics, lines, platform, simulator } = operated;
  const { limits } = inForce;
  const collateral = new Collateral(simulator, clock);
  const obstacles = (): Promise<readonly string[]> => obstaclesTo(operated);
  const scrape = async (): Promise<string> => metrics.text(keeps.gauges(), await collateral.ages());
  const support = (): Promise<string> =>
    writeBundle({
      release,
      clock,
      configuration: () => inForce.configuration,
      limits,
      keeps,
      lines,
      platform,
      obstacles,
      metrics: scrape,
    });
  return { obstacles, scrape, support };
}

async function obstaclesTo({ keeps, launcher, platform, simulator, ending }: Operated): Promise<string[]> {
  const usable = (await platform()).some((backend) => backend.usable);
  const unreadable = await simulator.then(
    () => [],
    () => ['the simulated processor cannot be read'],
  );
  return [
    ...(ending() ? ['the daemon is ending'] : []),
    ...(keeps.cordoned ? ['the host is cordoned'] : []),
    ...(usable ? [] : ['no kind of Keep can be made here']),
    ...unreadable,
    ...((await launcher.obstacles?.()) ?? []),
  ];
}
