// SPDX-License-Identifier: Apache-2.0
import { defaultLimits, type Limits } from '../limits.ts';
import type { Configuration } from './schema.ts';

/** The configuration of a running daemon, and the limits that follow from it. */
export class InForce {
  /** One object for the daemon's life, whose values {@link replace} replaces. */
  readonly limits: Limits;
  readonly #ownLimits: Partial<Limits> | undefined;
  #configuration: Configuration;

  /** @param ownLimits - hold where the configuration says nothing */
  constructor(configuration: Configuration, ownLimits: Partial<Limits> | undefined) {
    this.#configuration = configuration;
    this.#ownLimits = ownLimits;
    this.limits = { ...defaultLimits, ...ownLimits, ...given(configuration.limits) };
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  replace(configuration: Configuration): void {
    this.#configuration = configuration;
    Object.assign(this.limits, defaultLimits, this.#ownLimits, given(configuration.limits));
  }
}

/** Limits that were written down; the others are as they were. */
function given(limits: Configuration['limits']): Partial<Limits> {
  return Object.fromEntries(Object.entries(limits ?? {}).filter(([, value]) => value !== undefined));
}
