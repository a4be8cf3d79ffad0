// SPDX-License-Identifier: Apache-2.0
import process from 'node:process';

import { runExitStatus } from '../exit-status.ts';
import type { Output } from '../output.ts';

const statuses = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Signal = keyof typeof statuses;

/**
 * Turns the first signal into an abort, so that the Keep is ended in order; the second ends the command at once, for a host
 * that does not answer.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #listeners: readonly (readonly [Signal, () => void])[];
  readonly #unread: AbortSignal | undefined;
  #signal: Signal | undefined;

  /**
   * @param doing - what the first signal makes the command do; said at once, to a person who waits for it
   * @param unread - ends the Keep as well: nobody reads what the program prints
   */
  constructor(output: Output, doing: string, unread?: AbortSignal) {
    this.#unread = unread;
    this.#listeners = (Object.keys(statuses) as Signal[]).map((signal) => [
      signal,
      () => {
        if (this.#signal !== undefined) process.exit(statuses[signal]);
        this.#signal = signal;
        const text = `interrupted: ${doing}; once more leaves at once`;
        output.event('interrupted', { signal }, output.live ? text : undefined);
        this.#controller.abort();
      },
    ]);
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  get signal(): AbortSignal {
    return this.#unread === undefined
      ? this.#controller.signal
      : AbortSignal.any([this.#controller.signal, this.#unread]);
  }

  /** 128 + the signal's number, as a shell has it; `internal` when nobody read the output; `undefined` when there was neither. */
  get status(): number | undefined {
    if (this.#signal !== undefined) return statuses[this.#signal];
    return this.#unread?.aborted === true ? runExitStatus.internal : undefined;
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }
}
