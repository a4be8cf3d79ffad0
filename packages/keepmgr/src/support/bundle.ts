// SPDX-License-Identifier: Apache-2.0
import { arch, cpus, release as kernel, totalmem, type } from 'node:os';
import { uptime, version } from 'node:process';

import { formatKeepId, supportBundle, toHex, type Platform } from '@enarx/protocol';

import type { Configuration } from '../config/schema.ts';
import type { Keep } from '../keeps/keep.ts';
import type { Keeps } from '../keeps/keeps.ts';
import type { Limits } from '../limits.ts';
import { toldConfiguration } from './configuration.ts';
import { Pseudonyms } from './pseudonyms.ts';
import type { RecentLines } from './recent-lines.ts';
import { scrubbed } from './scrub.ts';

/** What a bundle is made of. */
export interface BundleSources {
  readonly release: string;
  readonly clock: () => number;
  /** The one in force. */
  readonly configuration: () => Configuration;
  readonly limits: Limits;
  readonly keeps: Keeps;
  readonly lines: RecentLines;
  readonly platform: () => Promise<Platform['backends']>;
  readonly obstacles: () => Promise<readonly string[]>;
  /** In the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
}

/** Newest Keeps of which a bundle tells. */
const mostKeeps = 256;
const longestBundle = supportBundle.maxBytes - 64;

/**
 * All that somebody needs who is to find out what is wrong with a host and may not see it: JSON, without secrets, and without anything that
 * tells who the tenants are or what they run.
 */
export async function writeBundle(sources: BundleSources): Promise<string> {
  const { clock, keeps, lines } = sources;
  const tenants = new Pseudonyms();
  const configuration = toldConfiguration(sources.configuration(), tenants);
  const [platform, obstacles, metrics] = await Promise.all([
    sources.platform(),
    sources.obstacles(),
    sources.metrics(),
  ]);
  const newest = [...keeps.list()].slice(-mostKeeps);
  const bundle = {
    format: 'enarx-support/1',
    written: new Date(clock()).toISOString(),
    release: sources.release,
    node: version,
    system: { kernel: `${type()} ${kernel()}`, arch: arch(), processors: cpus().length, memory: totalmem() },
    uptime: Math.round(uptime()),
    configuration,
    limits: sources.limits,
    platform,
    obstacles,
    keeps: await Promise.all(newest.map((keep) => keepIn(keep, tenants))),
    metrics: metrics.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
    log: lines.last().map(toldLine),
  };
  const whole = written(bundle);
  if (Buffer.byteLength(whole) <= longestBundle) return whole;
  // What is the oldest is the least of use. A log has an end, and so have sixteen.
  return written({ ...bundle, keeps: bundle.keeps.slice(-16), log: bundle.log.slice(-200) });
}

/** What is wrong with a configuration may name a tenant, or quote what is secret. */
function toldLine(line: string): object {
  const { detail, ...others } = JSON.parse(line) as Readonly<Record<string, unknown>>;
  return detail === undefined || others['event'] === 'reload-refused' ? others : { ...others, detail };
}

function written(bundle: object): string {
  const clean = (_key: string, value: unknown): unknown =>
    typeof value === 'string' ? scrubbed(value) : value;
  return `${JSON.stringify(bundle, clean, 1)}\n`;
}

/** Of its log no details: a socket's address is in there, which a program chose. */
async function keepIn(keep: Keep, tenants: Pseudonyms): Promise<object> {
  const { id, ...summary } = keep.summary();
  const log = await keep.log();
  return {
    id: formatKeepId(id),
    tenant: tenants.of(keep.belonging.tenant),
    ...summary,
    log: log.map(({ time, source, event, request }) => ({
      time,
      source,
      event,
      ...(request === undefined ? {} : { request: toHex(request) }),
    })),
  };
}
