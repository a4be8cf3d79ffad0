// SPDX-License-Identifier: Apache-2.0
import type { Pause, Waiting } from './waiting.ts';

const longestTimer = 0x7fff_ffff;

/**
 * Where a suspended program waits. A program has one thread, so at most one call is ever blocked, but for components of WASI 0.3: whatever happens wakes it, and it looks
 * again whether what it waits for is there. Where a component has several instances, each has a branch of its own.
 */
export class Idle {
  readonly #waiting = new Set<() => void>();
  #ended: Error | undefined;
  readonly #branches = new Set<Idle>();

  /** Something has changed: input came, output may flow, the other side has gone. */
  wake(): void {
    for (const resume of this.#waiting) resume();
    if (this.#branches.size > 0) for (const branch of [...this.#branches]) branch.wake();
  }

  /** A place to wait for another instance: what wakes this one wakes that, too. */
  branch(): Idle {
    const branch = new Idle();
    this.#branches.add(branch);
    return branch;
  }

  /** Nothing that waits at this branch goes on: each wait, now and later, ends with the error. */
  cut(branch: Idle, error: Error): void {
    this.#branches.delete(branch);
    branch.#ended = error;
    branch.wake();
  }

  /** Carries a waiting call to its end. */
  async run(call: Waiting<number>): Promise<number> {
    for (;;) {
      if (this.#ended !== undefined) throw this.#ended;
      const step = call.next();
      if (step.done === true) return step.value;
      await (step.value === 0 ? turn() : this.#wait(step.value));
    }
  }

  async #wait(pause: Pause): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let resume!: () => void;
    await new Promise<void>((resolve) => {
      resume = resolve;
      this.#waiting.add(resolve);
      if (pause !== undefined) timer = setTimeout(resolve, Math.min(pause, longestTimer));
    });
    this.#waiting.delete(resume);
    clearTimeout(timer);
  }
}

/** Lets pending input in. A program that polls in a loop without ever blocking would otherwise never see any. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
