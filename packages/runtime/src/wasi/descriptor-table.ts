// SPDX-License-Identifier: Apache-2.0
import type { Descriptor } from './descriptor.ts';
import { fail } from './errno.ts';

/** File descriptor numbers and what they stand for. */
export class DescriptorTable {
  readonly #descriptors: (Descriptor | undefined)[];
  readonly #limit: number;
  #open: number;
  /** No number below this one is free. */
  #lowest = 0;

  /** @param limit - descriptors that may be open at once; those that are given count */
  constructor(descriptors: readonly Descriptor[], limit: number) {
    this.#descriptors = [...descriptors];
    this.#open = descriptors.length;
    this.#limit = limit;
  }

  /** Ends the call with `badf` when the number is not open, with `notcapable` when a right is missing. */
  get(number: number, rights = 0): Descriptor {
    const descriptor = this.#descriptors[number] ?? fail('badf');
    if ((descriptor.rights & rights) !== rights) fail('notcapable');
    return descriptor;
  }

  /** Ends the call with `mfile` unless one more may be opened: to be asked before anything is changed for it. */
  requireRoom(): void {
    if (!this.hasRoom) fail('mfile');
  }

  get hasRoom(): boolean {
    return this.#open < this.#limit;
  }

  /** @returns the lowest free number, which now stands for it */
  add(descriptor: Descriptor): number {
    this.requireRoom();
    while (this.#descriptors[this.#lowest] !== undefined) this.#lowest += 1;
    this.#descriptors[this.#lowest] = descriptor;
    this.#open += 1;
    return this.#lowest;
  }

  close(number: number): void {
    this.get(number).close();
    this.#free(number);
  }

  /** Moves `from` onto `to`, which must both be open: preview 1 renumbers atomically, it does not duplicate. */
  renumber(from: number, to: number): void {
    const moved = this.get(from);
    const replaced = this.get(to);
    if (moved === replaced) return;
    replaced.close();
    this.#descriptors[to] = moved;
    this.#free(from);
  }

  #free(number: number): void {
    this.#descriptors[number] = undefined;
    this.#open -= 1;
    this.#lowest = Math.min(this.#lowest, number);
  }
}
