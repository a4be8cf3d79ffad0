// SPDX-License-Identifier: Apache-2.0

/** Something that happens again and again, and that many may wait for. */
export class Signal {
  readonly #waiting = new Set<() => void>();

  emit(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Resolves when it happens next, to true; or to false at the deadline, a time of `performance.now()`. */
  next(deadline: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (happened: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve(happened);
      };
      const wake = (): void => {
        finish(true);
      };
      const timer = setTimeout(finish, Math.max(0, deadline - performance.now()), false);
      this.#waiting.add(wake);
    });
  }
}
