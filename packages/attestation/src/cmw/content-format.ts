// SPDX-License-Identifier: Apache-2.0

/** CBOR tag of content format 0 (RFC 9277 section 4.3). */
const first = 0x6374_0101;
/** A byte of a tag is never zero, so each counts to 255. */
const inByte = 255;
/** Content formats that have a tag. */
const most = 65_024;

/** The tag that says which content format stands in it, TN() of RFC 9277 appendix B; `undefined` where there is none. */
export function tagOfContentFormat(format: number): number | undefined {
  return format >= 0 && format <= most
    ? first + Math.floor(format / inByte) * 256 + (format % inByte)
    : undefined;
}

/** The inverse; `undefined` for a tag that names no content format. */
export function contentFormatOfTag(tag: number | bigint): number | undefined {
  const offset = Number(tag) - first;
  const format = Math.floor(offset / 256) * inByte + (offset % 256);
  return tagOfContentFormat(format) === tag ? format : undefined;
}
