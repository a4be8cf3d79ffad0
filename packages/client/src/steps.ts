// SPDX-License-Identifier: Apache-2.0

export type StepNumber = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

/**
 * Who vouches for a step: the client did or checked it itself; the host says so, which is proof of nothing; the Keep
 * says so on its own connection, which is proof once step 8 has passed.
 */
export type Witness = 'client' | 'host says' | 'keep';

/** One of the ten steps that every run takes, whatever the TEE. */
export interface Step {
  readonly n: StepNumber;
  readonly title: string;
  readonly by: Witness;
  /** Milliseconds since the step before, or since the client began. */
  readonly ms: number;
  readonly detail: string;
}

export const stepTitles: Readonly<Record<StepNumber, readonly [title: string, by: Witness]>> = {
  1: ['ask the host for a Keep', 'client'],
  2: ['host launches a loader for it', 'host says'],
  3: ['ask the Keep for its channel', 'client'],
  4: ['host relays what it cannot read', 'host says'],
  5: ['loader builds the TEE instance', 'host says'],
  6: ['Keep makes its key and one-use certificate', 'keep'],
  7: ['Keep waits for its one workload', 'keep'],
  8: ['verify the Keep on this very connection, then send the workload', 'client'],
  9: ['Keep checks the workload and accepts it', 'keep'],
  10: ['program runs; output and end come back', 'keep'],
};

/** How the first steps go where the client makes the key and the firmware is given it. */
const launchSecretTitles: typeof stepTitles = {
  ...stepTitles,
  3: ['verify the platform and open a session with its firmware', 'client'],
  4: ['host relays what is sealed for the firmware', 'host says'],
  5: [
    'loader builds the TEE instance; verify its measurement, seal the key for it, have it injected',
    'client',
  ],
  6: ['Keep makes the one-use certificate from the key', 'keep'],
};

/** Reports the steps of one Keep, each once, with the time since the one before. */
export class Steps {
  readonly #report: ((step: Step) => void) | undefined;
  #last = performance.now();
  #latest = 0;
  #titles = stepTitles;

  constructor(report: ((step: Step) => void) | undefined) {
    this.#report = report;
  }

  /** Says that the Keep's key is not born inside but the secret of its launch. */
  launchWithSecret(): void {
    this.#titles = launchSecretTitles;
  }

  take(n: StepNumber, detail: string): void {
    if (this.#report === undefined || n <= this.#latest) return;
    const now = performance.now();
    const [title, by] = this.#titles[n];
    const ms = now - this.#last;
    this.#last = now;
    this.#latest = n;
    this.#report({ n, title, by, ms, detail });
  }
}
