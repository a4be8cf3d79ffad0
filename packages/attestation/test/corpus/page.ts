// SPDX-License-Identifier: Apache-2.0
//
// The corpus in a browser: test/browser.test.ts serves this and waits for what it posts.
import { KeyCache } from '../../src/x509/key-cache.ts';
import { judge, type Entry } from './judge.ts';

const entries = (await (await fetch('/index.json')).json()) as readonly Entry[];
const keys = new KeyCache();
const read = async (file: string): Promise<Uint8Array> =>
  new Uint8Array(await (await fetch(`/vectors/${encodeURI(file)}`)).arrayBuffer());

const results = [];
for (const entry of entries) {
  let problems: readonly string[] | null;
  try {
    problems = (await judge(entry, { entries, read, keys })) ?? null;
  } catch (error) {
    problems = [String(error)];
  }
  results.push({ file: entry.file, kind: entry.kind, problems });
}
await fetch('/', { method: 'POST', body: JSON.stringify(results) });
