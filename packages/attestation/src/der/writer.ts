// SPDX-License-Identifier: Apache-2.0
import { concatBytes } from '@enarx/protocol';

import { utcTime } from '../calendar.ts';
import { explicitTag, tags } from './tags.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** One element: identifier, shortest length, content. */
export function derElement(tag: number, ...content: readonly Uint8Array[]): Bytes {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return concatBytes(Uint8Array.of(tag), derLength(length), ...content);
}

export const derSequence = (...elements: readonly Uint8Array[]): Bytes =>
  derElement(tags.sequence, ...elements);

/** Elements in the order that DER asks for (X.690 section 11.6) are the caller's business; ours hold one. */
export const derSet = (...elements: readonly Uint8Array[]): Bytes => derElement(tags.set, ...elements);

export const derOctetString = (...content: readonly Uint8Array[]): Bytes =>
  derElement(tags.octetString, ...content);

/** @param unusedBits - bits of the last octet that do not count and are zero */
export const derBitString = (octets: Uint8Array, unusedBits = 0): Bytes =>
  derElement(tags.bitString, Uint8Array.of(unusedBits), octets);

export const derNull = (): Bytes => derElement(tags.null);

export const derBoolean = (value: boolean): Bytes =>
  derElement(tags.boolean, Uint8Array.of(value ? 0xff : 0));

export const derExplicit = (number: number, ...content: readonly Uint8Array[]): Bytes =>
  derElement(explicitTag(number), ...content);

/** Non-negative whole number. */
export function derInteger(value: bigint | number): Bytes {
  const hex = BigInt(value).toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  const octets = (even.match(/../g) as string[]).map((pair) => Number.parseInt(pair, 16));
  // A leading bit would make it negative.
  if ((octets[0] as number) >= 0x80) octets.unshift(0);
  return derElement(tags.integer, Uint8Array.from(octets));
}

/** @param dotted - at least two arcs, for example `1.3.6.1.4.1` */
export function derOid(dotted: string): Bytes {
  const [root = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const octets = [root * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift(0x80 | (left % 128));
    return groups;
  });
  return derElement(tags.oid, Uint8Array.from(octets));
}

const text = new TextEncoder();
export const derUtf8String = (value: string): Bytes => derElement(tags.utf8String, text.encode(value));
export const derIa5String = (value: string): Bytes => derElement(tags.ia5String, text.encode(value));

/**
 * UTCTime up to 2049 and GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5).
 * @param milliseconds - since 1970; fractions of a second are dropped
 */
export function derTime(milliseconds: number): Bytes {
  const { year, month, day, hour, minute, second } = utcTime(milliseconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const rest = [month, day, hour, minute, second].map(two).join('');
  return year < 2050
    ? derElement(tags.utcTime, text.encode(`${two(year % 100)}${rest}Z`))
    : derElement(tags.generalizedTime, text.encode(`${String(year)}${rest}Z`));
}

function derLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const octets: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) octets.unshift(left % 256);
  return Uint8Array.of(0x80 | octets.length, ...octets);
}
