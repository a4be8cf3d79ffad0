// SPDX-License-Identifier: Apache-2.0

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

export interface Pairs {
  /** Median of the ratios of neighbours. */
  readonly ratio: number;
  readonly subject: number;
  readonly baseline: number;
  readonly samples: number;
}

/**
 * Measures subject and baseline by turns, so that both meet the same load of the machine, and takes the median of the ratios of
 * neighbours, so that a drift of the machine cancels out. The first pair only warms up.
 *
 * @param rest - waits until what a subject left running is over
 */
export async function inPairs(
  samples: number,
  subject: () => Promise<number>,
  baseline: () => Promise<number>,
  rest: () => Promise<void> = () => Promise.resolve(),
): Promise<Pairs> {
  const subjects: number[] = [];
  const baselines: number[] = [];
  for (let pair = 0; pair <= samples; pair += 1) {
    const [first, second] = pair % 2 === 0 ? [baseline, subject] : [subject, baseline];
    const one = await first();
    if (first === subject) await rest();
    const two = await second();
    if (second === subject) await rest();
    if (pair === 0) continue;
    subjects.push(first === subject ? one : two);
    baselines.push(first === subject ? two : one);
  }
  return {
    ratio: median(subjects.map((value, index) => value / (baselines[index] as number))),
    subject: median(subjects),
    baseline: median(baselines),
    samples,
  };
}
