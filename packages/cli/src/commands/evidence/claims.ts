// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import type { Json } from '../../output.ts';

/**
 * Claims as JSON has them: bytes in hexadecimal, 64-bit numbers as `0x…` since JSON's would lose bits, and nothing where
 * the evidence has nothing.
 */
export function claimsJson(value: unknown): Json {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (Array.isArray(value)) return value.map(claimsJson);
  if (typeof value === 'object' && value !== null) {
    // The report as received is what was given; its fields are what was asked for.
    const entries = Object.entries(value).filter(([key, inner]) => inner !== undefined && key !== 'bytes');
    return Object.fromEntries(entries.map(([key, inner]) => [key, claimsJson(inner)]));
  }
  return value as Json;
}

/** The same as rows of name and value, one for each that holds no others. */
export function claimsRows(value: Json, name = ''): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[name, String(value)]];
  return Object.entries(value as Readonly<Record<string, Json>>).flatMap(([key, inner]) =>
    claimsRows(inner, name === '' ? key : `${name}.${key}`),
  );
}
