// SPDX-License-Identifier: Apache-2.0
import { homedir } from 'node:os';
import { join } from 'node:path';

import { collectCollateral, encodeBundle, type CollectedItem } from '@enarx/attestation/bundle';
import { createCollateralFetcher } from '@enarx/client/collateral';
import { printable } from '@enarx/protocol';

import type { EnarxContext } from '../../context.ts';
import { writeNewFile } from '../../named-file.ts';
import { table, type Json } from '../../output.ts';
import type { EvidenceBundleFlags, EvidenceFetchFlags } from './flags.ts';
import { readEvidenceFile } from './read.ts';

/** Makes one bundle of loose files of collateral. It reads and does not verify them. */
export async function bundleFiles(
  this: EnarxContext,
  { out }: EvidenceBundleFlags,
  ...files: string[]
): Promise<void> {
  const items = collectCollateral(await Promise.all(files.map(readEvidenceFile)));
  await writeNewFile(out, encodeBundle(items));
  tell(this, out, items, []);
}

/** Fetches collateral from the addresses that the caller names, into a bundle. */
export async function fetchBundle(
  this: EnarxContext,
  { out, cache, staleFor }: EvidenceFetchFlags,
  ...urls: string[]
): Promise<void> {
  const { now } = this;
  const hour = 3_600_000;
  const fetcher = createCollateralFetcher({
    cacheDirectory: cache ?? defaultCache(this),
    now,
    ...(staleFor === undefined ? {} : { staleFor: staleFor * hour }),
  });
  const fetched = await Promise.all(urls.map((url) => fetcher.fetch(url)));
  const items = fetched.flatMap((one) => one.items);
  await writeNewFile(out, encodeBundle(items));
  tell(
    this,
    out,
    items,
    fetched.map(({ url, from, fetchedAt }) => ({ url, from, fetchedAt: new Date(fetchedAt).toISOString() })),
  );
}

function defaultCache({ process }: EnarxContext): string {
  const base = process.env['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'enarx', 'collateral');
}

const timeOf = (milliseconds: number | undefined): string | undefined =>
  milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();

/** What is past its date is told; a verifier for another time may still want it. */
function tell(
  { output, now }: EnarxContext,
  out: string,
  items: readonly CollectedItem[],
  sources: readonly { readonly url: string; readonly from: string; readonly fetchedAt: string }[],
): void {
  const expired = ({ until }: CollectedItem): boolean => until !== undefined && until < now();
  output.result(
    {
      bundle: out,
      items: items.map((item): Json => ({
        kind: item.kind,
        title: item.title,
        from: timeOf(item.from),
        until: timeOf(item.until),
        number: item.number === undefined ? undefined : String(item.number),
        expired: expired(item),
      })),
      sources,
    },
    () =>
      [
        table(
          items.map((item) => [
            item.kind,
            printable(item.title),
            item.until === undefined
              ? ''
              : `until ${String(timeOf(item.until))}${expired(item) ? ', EXPIRED' : ''}`,
          ]),
        ),
        ...sources.map(({ url, from, fetchedAt }) =>
          from === 'stale'
            ? `${printable(url)} did not answer; this is of ${fetchedAt}`
            : `${printable(url)}: ${from}`,
        ),
      ].join('\n'),
  );
}
