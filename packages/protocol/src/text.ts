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

/** Controls, what turns the direction of writing or cannot be seen, line and paragraph separators. */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const plain = /^[\x20-\x7e]*$/;

/**
 * Text that others wrote, fit to stand within a sentence of ours: what would command a terminal, break a line of a log or write over what
 * stands before it is spelt out, and what is too long is cut.
 */
export function quotedText(text: string, maxBytes: number): string {
  if (text.length <= maxBytes && plain.test(text)) return text;
  const cut = cutText(text, maxBytes);
  const shown = cut.replace(
    invisible,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  );
  return cut.length < text.length ? `${shown}…` : shown;
}
