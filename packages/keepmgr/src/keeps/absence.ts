// SPDX-License-Identifier: Apache-2.0

/** How often a loader without a connection is looked for among the processes. */
const lookEvery = 250;

/** What a loader that is away may come to. */
export interface AbsenceEnds {
  readonly runs: () => boolean;
  /** It has ended. */
  ended(): void;
  /** It runs and has not come back in time. */
  lost(): void;
}

/** Gives a loader that has no connection its time to come back, unless it has ended. It may be nobody's child here, so it is looked for. */
export class Absence {
  readonly #ends: AbsenceEnds;
  #timer: NodeJS.Timeout | undefined;

  constructor(ends: AbsenceEnds) {
    this.#ends = ends;
  }

  /** @param longest - milliseconds */
  begin(longest: number): void {
    this.over();
    const deadline = performance.now() + longest;
    const look = (): void => {
      if (!this.#ends.runs()) this.#ends.ended();
      else if (performance.now() > deadline) this.#ends.lost();
      else this.#timer = setTimeout(look, lookEvery);
    };
    look();
  }

  /** It is back, or no longer waited for. */
  over(): void {
    clearTimeout(this.#timer);
  }
}
