// SPDX-License-Identifier: Apache-2.0
import { fromHex } from '@enarx/protocol';

import { readDer } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readTime } from '../der/values.ts';
import { derElement } from '../der/writer.ts';
import type { Json, JsonObject } from './json.ts';
import { intelProblem } from './problems.ts';

// Members of Intel’s documents, each of the type that it must have. All throw `intel/collateral-malformed`, `time` also `der/malformed`.

export function objectOf(value: Json, name: string): JsonObject {
  if (!(value instanceof Map)) throw malformed(`${name} that is no object`);
  return value as JsonObject;
}

export function object(from: JsonObject, name: string): JsonObject {
  return objectOf(member(from, name), name);
}

/** @param most - entries */
export function list(from: JsonObject, name: string, most: number): readonly Json[] {
  const value = member(from, name);
  if (!Array.isArray(value) || value.length > most)
    throw malformed(`${name} that is no list of at most ${String(most)}`);
  return value as readonly Json[];
}

export function text(from: JsonObject, name: string): string {
  const value = member(from, name);
  if (typeof value !== 'string') throw malformed(`${name} that is no text`);
  return value;
}

/** Hexadecimal of a fixed length, either case. */
export function octets(from: JsonObject, name: string, length: number): Uint8Array {
  const bytes = fromHex(text(from, name));
  if (bytes?.length !== length) throw malformed(`${name} that is not ${String(length)} bytes in hexadecimal`);
  return bytes;
}

export function whole(from: JsonObject, name: string, most: number): number {
  const value = member(from, name);
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > most)
    throw malformed(`${name} that is no whole number up to ${String(most)}`);
  return value;
}

const timePattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;

/** Milliseconds since 1970. */
export function time(from: JsonObject, name: string): number {
  const value = text(from, name);
  if (!timePattern.test(value)) throw malformed(`${name} that is no time such as 2026-01-31T12:00:00Z`);
  // The same digits as certificates have them, so that one reader knows which days there are.
  const digits = new TextEncoder().encode(value.replace(/[-:T]/g, ''));
  return readTime(readDer(derElement(tags.generalizedTime, digits)));
}

export function oneOf<W extends string>(from: JsonObject, name: string, known: readonly W[]): W {
  const value = text(from, name);
  const found = known.find((word) => word === value);
  if (found === undefined) throw malformed(`${name} ${JSON.stringify(value.slice(0, 64))}`, known.join(', '));
  return found;
}

/** Optional list of short texts, as advisories are. */
export function texts(from: JsonObject, name: string): readonly string[] {
  if (!from.has(name)) return [];
  return list(from, name, 256).map((value) => {
    if (typeof value !== 'string' || value.length > 64)
      throw malformed(`${name} with something else than short texts`);
    return value;
  });
}

function member(from: JsonObject, name: string): Json {
  const found = from.get(name);
  if (found === undefined) throw malformed(`no ${name}`);
  return found.value;
}

export function malformed(found: string, expected?: string): Error {
  return intelProblem('intel/collateral-malformed', {
    found,
    expected,
  });
}
