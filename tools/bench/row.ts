// SPDX-License-Identifier: Apache-2.0

export interface BenchSettings {
  /** A few samples only, to see that the benchmark works; its figures mean little. */
  readonly short: boolean;
}

/** One figure: what was measured over its baseline, both in this very run. */
export interface BenchRow {
  /** Stable, kebab-case. */
  readonly id: string;
  readonly ratio: number;
  readonly goal: number;
  readonly better: 'lower' | 'higher';
  /** Pairs of measurements that the ratio is the median of. */
  readonly samples: number;
  /** The two sides in their own units, for people. */
  readonly detail: string;
}

/**
 * A module of tools/bench/rows exports one as its default. It builds what it needs, measures subject and baseline by turns, and leaves
 * nothing behind.
 */
export interface BenchModule {
  /** One line. */
  readonly title: string;
  /** Takes minutes: measured only when its name is given. */
  readonly onlyByName?: true;
  measure(settings: BenchSettings): Promise<readonly BenchRow[]>;
}
