// SPDX-License-Identifier: Apache-2.0
const encoder = new TextEncoder();

/**
 * The longest beginning of a text that takes at most so many bytes in UTF-8, never half a character. Limits on text in
 * messages count bytes, as `.size` in CDDL does (RFC 8610 section 3.8.1). Half surrogate pairs become U+FFFD.
 */
export function cutText(text: string, maxBytes: number): string {
  const wellFormed = text.toWellFormed();
  // A UTF-16 unit takes at most three bytes: the common case costs no encoding.
  if (wellFormed.length * 3 <= maxBytes) return wellFormed;
  const { read } = encoder.encodeInto(wellFormed, new Uint8Array(maxBytes));
  return wellFormed.slice(0, read);
}
