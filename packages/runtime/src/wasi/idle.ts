// SPDX-License-Identifier: Apache-2.0

const longestTimer = 0x7fff_ffff;

/**
 * Where the program waits. A preview 1 program has one thread, so at most one call is ever blocked: whatever happens wakes it, and it looks
 * again whether what it waits for is there.
 */
export class Idle {
  #wake: (() => void) | undefined;

  /** Something has changed: input came, output may flow, the other side has gone. */
  wake(): void {
    this.#wake?.();
  }

  /** Resolves at the next change, or after so many milliseconds. May resolve early; the caller looks again. */
  async wait(milliseconds?: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (milliseconds !== undefined) timer = setTimeout(resolve, Math.min(milliseconds, longestTimer));
    });
    this.#wake = undefined;
    clearTimeout(timer);
  }

  /** Lets pending input in. A program that polls in a loop without ever blocking would otherwise never see any. */
  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}
