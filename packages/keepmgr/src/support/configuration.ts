// SPDX-License-Identifier: Apache-2.0
import type { Configuration } from '../config/schema.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import { scrubbed } from './scrub.ts';

/**
 * A configuration without what is a secret, leads to one, or names a tenant: numbers and switches as they are, of the texts only where it listens,
 * and of the rest that it is given.
 */
export function toldConfiguration(config: Configuration, tenants: Pseudonyms): object {
  const { listen, tenants: known, ...sections } = config;
  return {
    ...(listen === undefined ? {} : { listen: listen.map(scrubbed) }),
    ...(told(sections) as object),
    ...(known === undefined
      ? {}
      : {
          tenants: Object.fromEntries(
            Object.entries(known).map(([name, tenant]) => [tenants.of(name), told(tenant)]),
          ),
        }),
  };
}

function told(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map(told);
  if (typeof value !== 'object' || value === null) return '(given)';
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => [key, told(inner)]),
  );
}
