// SPDX-License-Identifier: Apache-2.0
import type { KeepState } from '@enarx/protocol';

import type { Metrics } from '../metrics.ts';

/** How long a Keep takes from each state to the next, for the metrics, where this daemon saw the beginning. */
export class StateTimes {
  readonly #metrics: Metrics;
  #since: number | undefined;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  begin(): void {
    this.#since = performance.now();
  }

  entered(state: KeepState): void {
    const now = performance.now();
    if (this.#since !== undefined) {
      const seconds = (now - this.#since) / 1000;
      if (state === 'ready') this.#metrics.launched(seconds);
      if (state === 'claimed') this.#metrics.claimed(seconds);
    }
    this.#since = now;
  }
}
