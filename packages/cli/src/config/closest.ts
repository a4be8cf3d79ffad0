// SPDX-License-Identifier: Apache-2.0

/** More changes than this are another word, not a mistyped one. */
const mostChanges = 3;

/** The word that somebody who typed this most likely meant, if any. */
export function closest(typed: string, words: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.min(mostChanges, Math.ceil(typed.length / 2)) + 1;
  for (const word of words) {
    const changes = distance(typed.toLowerCase(), word.toLowerCase());
    if (changes >= least) continue;
    least = changes;
    best = word;
  }
  return best;
}

/** Levenshtein's: letters to insert, delete or replace. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const replace = (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[other.length] as number;
}
