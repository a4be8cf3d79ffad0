// SPDX-License-Identifier: Apache-2.0

/** The one thing that must happen in time. A new deadline takes the place of the one before. */
export class Deadline {
  #timer: NodeJS.Timeout | undefined;

  within(milliseconds: number, late: () => void): void {
    this.over();
    this.#timer = setTimeout(late, milliseconds);
  }

  over(): void {
    clearTimeout(this.#timer);
  }
}
