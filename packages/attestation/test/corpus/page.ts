// SPDX-License-Identifier: Apache-2.0
//
// The corpora in a browser: test/browser.test.ts serves this and waits for what it posts.
import { KeyCache } from '../../src/x509/key-cache.ts';
import type { IntelVector } from '../intel/vectors.ts';
import type { IndexedVector } from '../support/indexed-vectors.ts';
import { judgeIntel } from './intel-judge.ts';
import { judge, type Entry } from './judge.ts';
import { judgeNitro } from './nitro-judge.ts';

const { amd, intel, nitro } = (await (await fetch('/index.json')).json()) as {
  readonly amd: readonly Entry[];
  readonly intel: readonly IntelVector[];
  readonly nitro: readonly IndexedVector[];
};
const keys = new KeyCache();
const files = new Map<string, Promise<Uint8Array>>();
/** Collateral serves for many quotes. */
function read(file: string): Promise<Uint8Array> {
  const known = files.get(file) ?? fetched(file);
  files.set(file, known);
  return known;
}
const fetched = async (file: string): Promise<Uint8Array> =>
  new Uint8Array(await (await fetch(`/vectors/${encodeURI(file)}`)).arrayBuffer());

type Judged = readonly string[] | undefined;
const results: { file: string; problems: readonly string[] | null }[] = [];

async function all<E extends { readonly file: string }>(
  entries: readonly E[],
  directoryOf: (entry: E) => string,
  judgeOne: (entry: E, readHere: typeof read) => Promise<Judged>,
): Promise<void> {
  for (const entry of entries) {
    const directory = directoryOf(entry);
    let problems: readonly string[] | null;
    try {
      problems = (await judgeOne(entry, (file) => read(`${directory}/${file}`))) ?? null;
    } catch (error) {
      problems = [String(error)];
    }
    results.push({ file: `${directory}/${entry.file}`, problems });
  }
}

await all(
  amd,
  () => 'amd',
  (entry, readHere) => judge(entry, { entries: amd, read: readHere, keys }),
);
await all(
  intel,
  ({ tee }) => tee,
  (entry) => judgeIntel(entry, { entries: intel, read: (tee, file) => read(`${tee}/${file}`), keys }),
);
await all(
  nitro,
  () => 'nitro',
  (entry, readHere) => judgeNitro(entry, readHere, keys),
);
await fetch('/', { method: 'POST', body: JSON.stringify(results) });
