// SPDX-License-Identifier: Apache-2.0

const most = 1000;

/** The last lines of the daemon's log, for a bundle: an operator may have kept none. */
export class RecentLines {
  readonly #lines: string[] = [];

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > 2 * most) this.#lines.splice(0, most);
  }

  /** Oldest first. */
  last(): readonly string[] {
    return this.#lines.slice(-most);
  }
}
