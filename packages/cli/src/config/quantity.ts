// SPDX-License-Identifier: Apache-2.0

const sizes: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
};
const times: Readonly<Record<string, number>> = { MS: 1, S: 1000, M: 60_000, H: 3_600_000 };

/** Bytes of `64MiB`, `1.5 GB`, `65536`; `undefined` for what is no size of at least one byte. */
export function parseSize(text: string): number | undefined {
  return parse(text, sizes, 'B');
}

/** Milliseconds of `500ms`, `30s`, `1.5 m`, `2h`; `undefined` for what is no time of at least one millisecond, a bare number included. */
export function parseDuration(text: string): number | undefined {
  return parse(text, times, undefined);
}

function parse(
  text: string,
  units: Readonly<Record<string, number>>,
  bare: string | undefined,
): number | undefined {
  const [, digits, unit] = /^(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]*)$/.exec(text.trim()) ?? [];
  const factor = units[unit === '' ? (bare ?? '') : (unit ?? '').toUpperCase()];
  if (digits === undefined || factor === undefined) return undefined;
  const value = Math.round(Number(digits) * factor);
  return value >= 1 && Number.isSafeInteger(value) ? value : undefined;
}
