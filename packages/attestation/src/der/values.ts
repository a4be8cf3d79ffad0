// SPDX-License-Identifier: Apache-2.0
import { toHex } from '@enarx/protocol';

import { daysSince1970 } from '../calendar.ts';
import { malformed, type DerElement } from './reader.ts';
import { tags } from './tags.ts';

/** Whole number of any size, two's complement in the fewest octets (X.690 section 8.3). @throws EnarxError `der/malformed` */
export function readInteger({ content }: DerElement): bigint {
  const [first, second] = content;
  if (first === undefined) throw malformed('an integer without content');
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
    throw malformed('an integer that is not in its shortest form');
  // By way of hex: to shift octet after octet into a number would take the square of its length.
  const value = BigInt(`0x${toHex(content)}`);
  return first >= 0x80 ? BigInt.asIntN(8 * content.length, value) : value;
}

/** A number that must lie within 0 and `most`. @throws EnarxError `der/malformed` */
export function readSmallInteger(element: DerElement, most: number = Number.MAX_SAFE_INTEGER): number {
  const value = readInteger(element);
  if (value < 0n || value > BigInt(most))
    throw malformed(`the integer ${String(value)}`, `0 to ${String(most)}`);
  return Number(value);
}

/** FF for true and 00 for false, nothing else (X.690 section 11.1). @throws EnarxError `der/malformed` */
export function readBoolean({ content }: DerElement): boolean {
  const [value] = content;
  if (content.length !== 1 || (value !== 0 && value !== 0xff))
    throw malformed('a boolean that is neither 00 nor FF');
  return value === 0xff;
}

/** Octets of a bit string that must fill its octets, as keys and signatures do. @throws EnarxError `der/malformed` */
export function readOctetsOfBitString(element: DerElement): Uint8Array {
  const { octets, unusedBits } = readBitString(element);
  if (unusedBits !== 0) throw malformed(`${String(unusedBits)} unused bits`, 'whole octets');
  return octets;
}

/** Unused bits must be zero (X.690 section 11.2.1). @throws EnarxError `der/malformed` */
export function readBitString({ content }: DerElement): { octets: Uint8Array; unusedBits: number } {
  const [unusedBits] = content;
  if (unusedBits === undefined || unusedBits > 7 || (unusedBits > 0 && content.length === 1))
    throw malformed('a bit string without a valid count of unused bits');
  if (((content[content.length - 1] as number) & ((1 << unusedBits) - 1)) !== 0 && content.length > 1)
    throw malformed('a bit string whose unused bits are not zero');
  return { octets: content.subarray(1), unusedBits };
}

/** Dotted form. Arcs beyond 2^53 are refused: no registered one comes near. @throws EnarxError `der/malformed` */
export function readOid({ content }: DerElement): string {
  let dotted = '';
  let arc = 0;
  let inside = false;
  for (const octet of content) {
    if (!inside && octet === 0x80) throw malformed('an object identifier that is not in its shortest form');
    arc = arc * 128 + (octet & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER) throw malformed('an object identifier with an arc beyond 2^53');
    inside = octet >= 0x80;
    if (inside) continue;
    // The first two arcs share one number (X.690 section 8.19.4).
    const root = Math.min(2, Math.floor(arc / 40));
    dotted = dotted === '' ? `${String(root)}.${String(arc - 40 * root)}` : `${dotted}.${String(arc)}`;
    arc = 0;
  }
  if (inside || dotted === '') throw malformed('an object identifier that is cut off');
  return dotted;
}

const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF8String, PrintableString or IA5String, each within its own alphabet. @throws EnarxError `der/malformed` */
export function readText({ tag, content }: DerElement): string {
  if (tag !== tags.utf8String && tag !== tags.printableString && tag !== tags.ia5String)
    throw malformed('an element that is no text');
  let text: string;
  try {
    text = textDecoder.decode(content);
  } catch {
    throw malformed('text that is not UTF-8');
  }
  if (tag === tags.printableString && !/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text))
    throw malformed('a PrintableString with other characters');
  if (tag === tags.ia5String && content.some((octet) => octet >= 0x80))
    throw malformed('an IA5String with other characters');
  return text;
}

const timePattern = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/**
 * UTCTime or GeneralizedTime in the only forms that RFC 5280 section 4.1.2.5 allows: seconds, Z, no fractions.
 * @returns milliseconds since 1970
 * @throws EnarxError `der/malformed`
 */
export function readTime({ tag, content }: DerElement): number {
  if (tag !== tags.utcTime && tag !== tags.generalizedTime) throw malformed('an element that is no time');
  const text = String.fromCharCode(...content.subarray(0, 16));
  const parts = content.length <= 16 ? timePattern.exec(text) : null;
  const digits = tag === tags.utcTime ? 2 : 4;
  if (parts?.[1]?.length !== digits) throw malformed('a time that is not in the form of RFC 5280');
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const century = digits === 4 ? 0 : year >= 50 ? 1900 : 2000;
  const daysInMonth = [31, isLeapYear(century + year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  if (day < 1 || day > (daysInMonth[month - 1] ?? 0) || hour > 23 || minute > 59 || second > 59)
    throw malformed(`the time ${text}`);
  return (((daysSince1970(century + year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000;
}

function isLeapYear(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}
