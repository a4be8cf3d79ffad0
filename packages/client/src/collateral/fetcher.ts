// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';

import { collectCollateral, type CollectedItem } from '@enarx/attestation/bundle';
import { EnarxError } from '@enarx/protocol';

import { CollateralCache, type CacheEntry } from './cache.ts';
import { collateralProblem } from './problems.ts';
import { requestOnce } from './request.ts';

export interface FetcherOptions {
  /** Where fetched collateral is kept; made when needed. */
  readonly cacheDirectory: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** So long collateral from the cache is not asked for again, in milliseconds. */
  readonly freshFor?: number;
  /** So long, counted from when it was fetched, it serves when the service does not; 0 for never. */
  readonly staleFor?: number;
  /** For one answer, head and body, in milliseconds. */
  readonly timeout?: number;
  readonly attempts?: number;
  /** Longest pause before another attempt, in milliseconds. A service that asks for more is given up. */
  readonly mostPause?: number;
  readonly mostBytes?: number;
  readonly mostEntries?: number;
  /** Pauses; tests give one that does not. */
  readonly pause?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** Collateral, and where it came from. It is read, not verified: give `files` to the verifier as endorsements. */
export interface FetchedCollateral {
  readonly url: string;
  readonly files: readonly Uint8Array[];
  readonly items: readonly CollectedItem[];
  /**
   * - `service`: it gave this just now.
   * - `cache`: it gave this less than `freshFor` ago.
   * - `stale`: the service could not be had; it gave this at `fetchedAt`, and it is not past its date.
   */
  readonly from: 'service' | 'cache' | 'stale';
  readonly fetchedAt: number;
}

export interface CollateralFetcher {
  /**
   * Fetches from one address. Calls for the same address at the same time make one request, which ends when the last of them has
   * been called off.
   * @throws EnarxError `collateral/…`
   */
  fetch(url: string, options?: { readonly signal?: AbortSignal }): Promise<FetchedCollateral>;
}

const minute = 60_000;
const defaults = {
  freshFor: 60 * minute,
  staleFor: 7 * 24 * 60 * minute,
  timeout: 10_000,
  attempts: 4,
  mostPause: 60_000,
  mostBytes: 1_048_576,
  mostEntries: 256,
} as const;
const firstPause = 500;

/** Fetches collateral from services shaped like AMD's KDS and Intel's PCS: one address, one answer. */
export function createCollateralFetcher(given: FetcherOptions): CollateralFetcher {
  const options = { ...defaults, pause: sleepFor, ...given };
  const cache = new CollateralCache(options.cacheDirectory, options.mostEntries);
  const flights = new Map<string, Flight>();
  return {
    fetch: async (address, { signal } = {}) => {
      const url = urlOf(address);
      signal?.throwIfAborted();
      let flight = flights.get(url);
      if (flight === undefined) {
        const controller = new AbortController();
        const landing = fetchOne(url, options, cache, controller.signal);
        const made: Flight = { landing, controller, waiting: 0 };
        const leave = (): void => {
          if (flights.get(url) === made) flights.delete(url);
        };
        // Whoever waits hears of a failure; nobody may be left waiting. One that was called off takes nobody in any more.
        landing.then(leave, leave);
        controller.signal.addEventListener('abort', leave);
        flights.set(url, (flight = made));
      }
      return waitFor(flight, signal);
    },
  };
}

interface Flight {
  readonly landing: Promise<FetchedCollateral>;
  readonly controller: AbortController;
  waiting: number;
}

/** One caller that gives up takes nothing from the others. */
async function waitFor(flight: Flight, signal: AbortSignal | undefined): Promise<FetchedCollateral> {
  flight.waiting += 1;
  if (signal === undefined) return flight.landing;
  const calledOff = Promise.withResolvers<never>();
  const giveUp = (): void => {
    flight.waiting -= 1;
    if (flight.waiting === 0) flight.controller.abort(signal.reason);
    calledOff.reject(signal.reason as Error);
  };
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([flight.landing, calledOff.promise]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

type Settings = Required<FetcherOptions>;

async function sleepFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal });
}

/** @throws EnarxError `collateral/url-invalid` */
function urlOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const plain = url?.username === '' && url.password === '' && url.hash === '';
  if (url === undefined || !plain || !['http:', 'https:'].includes(url.protocol))
    throw collateralProblem('collateral/url-invalid', { found: address.slice(0, 256) });
  return url.href;
}

async function fetchOne(
  url: string,
  options: Settings,
  cache: CollateralCache,
  signal: AbortSignal,
): Promise<FetchedCollateral> {
  const { now, freshFor, staleFor } = options;
  const entry = await cache.read(url);
  const cached = entry && readable(entry);
  const goodFor = (age: number): boolean => {
    if (cached === undefined) return false;
    const past = now() - cached.fetchedAt;
    // A clock that was set back makes nothing fresh.
    return past >= 0 && past <= age && expiredIn(cached.items, now()) === undefined;
  };
  if (cached !== undefined && goodFor(freshFor)) return { ...cached, from: 'cache' };
  try {
    const files = await ask(url, options, signal);
    const items = itemsOf(files, url);
    const expired = expiredIn(items, now());
    if (expired !== undefined)
      throw collateralProblem('collateral/expired', {
        found: `${expired.title} from ${url}, until ${timeOf(expired.until)}`,
      });
    if (cached !== undefined) refuseOlder(items, cached.items, url);
    const fetched = { url, fetchedAt: now(), files };
    await cache.write(fetched);
    return { ...fetched, items, from: 'service' };
  } catch (error) {
    if (signal.aborted || !(error instanceof EnarxError)) throw error;
    if (cached !== undefined && error.code !== 'collateral/cache-unusable' && goodFor(staleFor))
      return { ...cached, from: 'stale' };
    throw error;
  }
}

/** A file of the cache that cannot be read any more is as good as none. */
function readable(
  entry: CacheEntry,
): (CacheEntry & { readonly items: readonly CollectedItem[] }) | undefined {
  try {
    return { ...entry, items: itemsOf(entry.files, entry.url) };
  } catch {
    return undefined;
  }
}

function itemsOf(files: readonly Uint8Array[], url: string): readonly CollectedItem[] {
  let items: readonly CollectedItem[];
  try {
    items = collectCollateral(files);
  } catch (cause) {
    throw collateralProblem('collateral/unusable', {
      found: `${(cause as Error).message}, from ${url}`,
      cause,
    });
  }
  if (items.length === 0) throw collateralProblem('collateral/unusable', { found: `nothing from ${url}` });
  return items;
}

async function ask(url: string, options: Settings, signal: AbortSignal): Promise<readonly Uint8Array[]> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await requestOnce(url, { ...options, signal });
    if ('files' in answer) return answer.files;
    // Half of the pause is chance, so that many who lost a service do not all come back at once.
    const pause = firstPause * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
    const wanted = Math.max(answer.after ?? 0, pause);
    if (attempt >= options.attempts || wanted > options.mostPause) throw answer.again;
    await options.pause(wanted, signal);
  }
}

function expiredIn(items: readonly CollectedItem[], now: number): CollectedItem | undefined {
  return items.find(({ until }) => until !== undefined && until < now);
}

/**
 * What is issued again and again may not go back: a service, or who stands between, could hide a revocation behind an older list
 * that is still within its dates.
 */
function refuseOlder(items: readonly CollectedItem[], before: readonly CollectedItem[], url: string): void {
  for (const item of items) {
    if (item.number === undefined) continue;
    const same = before.find(({ kind, title }) => kind === item.kind && title === item.title);
    if (same?.number === undefined) continue;
    const older = item.number < same.number || Number(item.from) < Number(same.from);
    if (older)
      throw collateralProblem('collateral/older', {
        found: `${item.title} number ${String(item.number)} of ${timeOf(item.from)} from ${url}`,
        expected: `number ${String(same.number)} of ${timeOf(same.from)} or newer`,
      });
  }
}

const timeOf = (milliseconds: number | undefined): string => new Date(milliseconds ?? 0).toISOString();
