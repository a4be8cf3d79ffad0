// SPDX-License-Identifier: Apache-2.0

/** Numbers in the place of tenants' names, the same for the same tenant within one bundle. */
export class Pseudonyms {
  readonly #numbers = new Map<string, number>();

  of(tenant: string): string {
    // The users of the machine are nobody in particular.
    if (tenant === 'local') return tenant;
    const number = this.#numbers.get(tenant) ?? this.#numbers.size + 1;
    this.#numbers.set(tenant, number);
    return `tenant-${String(number)}`;
  }
}
