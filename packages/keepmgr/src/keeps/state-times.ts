// SPDX-License-Identifier: Apache-2.0
import type { KeepState, LdrMoment } from '@enarx/protocol';

import type { Metrics } from '../metrics.ts';

/**
 * How long one Keep takes from each step to the next, for the metrics, where this daemon saw the beginning. Of an attestation the host sees that
 * a connection was opened and that evidence was given, of a delivery its begin and its end; whose they are and what is in them it does not.
 */
export class StateTimes {
  readonly #metrics: Metrics;
  #since: number | undefined;
  #connected: number | undefined;
  #attested = false;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  begin(): void {
    this.#since = performance.now();
  }

  entered(state: KeepState): void {
    const seconds = this.#sinceLast();
    if (seconds === undefined) return;
    if (state === 'ready') this.#metrics.took('launch', seconds);
    if (state === 'claimed') this.#metrics.took('claim', seconds);
    if (state === 'running') this.#metrics.took('delivery', seconds);
  }

  /** A client has got a connection to the guest. */
  connected(): void {
    this.#connected ??= performance.now();
  }

  /** The loader reports that evidence was given. */
  gave({ took }: LdrMoment): void {
    this.#metrics.took('evidence', took / 1000);
    if (this.#attested || this.#connected === undefined) return;
    this.#attested = true;
    this.#metrics.took('attest', (performance.now() - this.#connected) / 1000);
  }

  #sinceLast(): number | undefined {
    const now = performance.now();
    const since = this.#since;
    this.#since = now;
    return since === undefined ? undefined : (now - since) / 1000;
  }
}
