// SPDX-License-Identifier: Apache-2.0
import type { Pause, Waiting } from './waiting.ts';

const longestTimer = 0x7fff_ffff;

/**
 * Where a suspended program waits. A preview 1 program has one thread, so at most one call is ever blocked: whatever happens wakes it, and it looks
 * again whether what it waits for is there.
 */
export class Idle {
  #wake: (() => void) | undefined;

  /** Something has changed: input came, output may flow, the other side has gone. */
  wake(): void {
    this.#wake?.();
  }

  /** Carries a waiting call to its end. */
  async run(call: Waiting<number>): Promise<number> {
    for (;;) {
      const step = call.next();
      if (step.done === true) return step.value;
      await (step.value === 0 ? turn() : this.#wait(step.value));
    }
  }

  async #wait(pause: Pause): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (pause !== undefined) timer = setTimeout(resolve, Math.min(pause, longestTimer));
    });
    this.#wake = undefined;
    clearTimeout(timer);
  }
}

/** Lets pending input in. A program that polls in a loop without ever blocking would otherwise never see any. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
