// SPDX-License-Identifier: Apache-2.0
import process from 'node:process';

const statuses = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Signal = keyof typeof statuses;

/**
 * Turns the first signal into an abort, so that the Keep is ended in order; the second ends the command at once, for a host
 * that does not answer.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #listeners: readonly (readonly [Signal, () => void])[];
  #signal: Signal | undefined;

  constructor() {
    this.#listeners = (Object.keys(statuses) as Signal[]).map((signal) => [
      signal,
      () => {
        if (this.#signal !== undefined) process.exit(statuses[signal]);
        this.#signal = signal;
        this.#controller.abort();
      },
    ]);
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** 128 + the signal's number, as a shell has it; `undefined` when there was none. */
  get status(): number | undefined {
    return this.#signal === undefined ? undefined : statuses[this.#signal];
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }
}
