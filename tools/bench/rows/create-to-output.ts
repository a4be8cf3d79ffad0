// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { anchorFromPem, releasePolicy } from '@enarx/attestation';
import { connect, createIdentity, moduleFromBytes, type Trust } from '@enarx/client';
import { fromHex } from '@enarx/protocol';

import { release, startBenchHost, type BenchHost } from '../host.ts';
import { inPairs } from '../pairs.ts';
import { timed } from '../processes.ts';
import type { BenchModule, BenchRow } from '../row.ts';

const hello = join(import.meta.dirname, '..', '..', '..', 'examples', 'hello', 'hello.wasm');
const module = moduleFromBytes(readFileSync(hello));

/** Milliseconds in which a host boots its spare loader again, and the next Keep of its pool. */
const restOfHost = 2000;

/** What a client settles once, for all Keeps of its release. */
async function trustIn({ anchor }: BenchHost): Promise<Omit<Trust, 'at'>> {
  const manifest = JSON.parse(readFileSync(join(release, 'release.json'), 'utf8')) as {
    readonly measurements: { readonly sim: string };
  };
  const measurement = fromHex(manifest.measurements.sim);
  if (measurement === undefined) throw new Error('the release measures nothing');
  return {
    anchors: [await anchorFromPem(readFileSync(anchor))],
    policy: releasePolicy({ measurements: [measurement] }),
  };
}

/** Milliseconds from asking for a Keep to the first byte of its program, with a new connection and a new key. */
async function createToOutput({ url }: BenchHost, trust: Omit<Trust, 'at'>): Promise<number> {
  const first = Promise.withResolvers<number>();
  const begun = performance.now();
  const host = connect({ url });
  const creating = host.createKeep({ tee: 'sim' });
  const [keep, identity] = await Promise.all([creating, createIdentity()]);
  const opened = await keep.open({ identity, removeAfter: true });
  const attested = await opened.attest({ purpose: 'deliver', ...trust, at: Date.now() });
  const program = await attested.deliver({
    module,
    args: ['hello'],
    stdout: () => {
      first.resolve(performance.now() - begun);
    },
    stderr: 'discard',
  });
  await program.ended;
  host.close();
  return first.promise;
}

/** Waits until nothing of the last run is left, and all that a resting host keeps ready is there again. */
async function settled({ url }: BenchHost): Promise<void> {
  const host = connect({ url });
  while ((await host.keeps()).length > 0) await sleep(20);
  host.close();
  await sleep(restOfHost);
}

const bare = (): Promise<number> => timed(process.execPath, ['-e', '0']);

async function measureWith(id: string, goal: number, pool: number, samples: number): Promise<BenchRow> {
  await using host = await startBenchHost({ pool: { sim: pool } });
  const trust = await trustIn(host);
  await settled(host);
  const { ratio, subject, baseline } = await inPairs(
    samples,
    () => createToOutput(host, trust),
    bare,
    () => settled(host),
  );
  const detail = `${subject.toFixed(0)} ms over ${baseline.toFixed(0)} ms`;
  return { id, goal, better: 'lower', ratio, samples, detail };
}

export default {
  title:
    'create → attested → first output, by a client that is up, over `node -e 0`; without a pool and with a Keep in it',
  measure: async ({ short }) => {
    const samples = short ? 3 : 31;
    return [
      await measureWith('create-to-output-cold', 5, 0, samples),
      await measureWith('create-to-output-warm', 2, 1, samples),
    ];
  },
} satisfies BenchModule;
