// SPDX-License-Identifier: Apache-2.0
import type { Descriptor } from './descriptor.ts';
import { fail } from './errno.ts';

/** File descriptor numbers and what they stand for. */
export class DescriptorTable {
  readonly #descriptors = new Map<number, Descriptor>();

  constructor(descriptors: readonly Descriptor[]) {
    descriptors.forEach((descriptor, number) => this.#descriptors.set(number, descriptor));
  }

  /** Ends the call with `badf` when the number is not open, with `notcapable` when a right is missing. */
  get(number: number, rights = 0n): Descriptor {
    const descriptor = this.#descriptors.get(number >>> 0) ?? fail('badf');
    descriptor.require(rights);
    return descriptor;
  }

  close(number: number): void {
    this.get(number).close();
    this.#descriptors.delete(number >>> 0);
  }

  /** Moves `from` onto `to`, which must both be open: preview 1 renumbers atomically, it does not duplicate. */
  renumber(from: number, to: number): void {
    const moved = this.get(from);
    const replaced = this.get(to);
    if (moved === replaced) return;
    replaced.close();
    this.#descriptors.set(to >>> 0, moved);
    this.#descriptors.delete(from >>> 0);
  }
}
