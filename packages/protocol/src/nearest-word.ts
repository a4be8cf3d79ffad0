// SPDX-License-Identifier: Apache-2.0

/**
 * The known word that a mistyped one most likely means: nearest by edit distance, at most a third of its length away.
 * @returns `undefined` where nothing is near
 */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  // A longer word cannot be near, and must not cost time: it comes from whoever wrote the file.
  const longest = Math.max(0, ...known.map(({ length }) => length));
  if (word.length > 2 * longest) return undefined;
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of known) {
    const distance = editDistance(plain(word), plain(candidate));
    if (distance < least && distance <= Math.max(1, Math.floor(candidate.length / 3))) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

/** Letters put in, left out, replaced, or swapped with their neighbour (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] as number) + 1 : Infinity;
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, replaced, swapped));
    }
    before = row;
    row = next;
  }
  return row[b.length] as number;
}

/** Case and the kind of joint say nothing about what was meant. */
function plain(word: string): string {
  return word.toLowerCase().replaceAll('_', '-');
}
