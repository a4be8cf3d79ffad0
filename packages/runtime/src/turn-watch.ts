// SPDX-License-Identifier: Apache-2.0

export interface TurnWatchOptions {
  readonly ask: () => void;
  /** Milliseconds that an answer may take. */
  readonly longest: number;
  readonly passed: () => void;
}

const longestTimer = 0x7fff_ffff;
/** Milliseconds between an answer and the next question, at most. */
const longestRest = 5000;

/** Sees whether the event loop of a runner turns, by asking it again and again. */
export class TurnWatch {
  readonly #options: TurnWatchOptions;
  readonly #longest: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TurnWatchOptions) {
    this.#options = options;
    this.#longest = Math.min(options.longest, longestTimer);
    this.#ask();
  }

  /** An answer that was not asked for changes nothing: it only means a question sooner. */
  answered(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#ask();
      },
      Math.min(longestRest, this.#longest),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #ask(): void {
    this.#options.ask();
    this.#timer = setTimeout(this.#options.passed, this.#longest);
  }
}
