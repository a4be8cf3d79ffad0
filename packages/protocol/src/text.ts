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

/** Controls, what turns the direction of writing or cannot be seen, separators of lines and paragraphs; what has no form that is agreed on: private, unassigned, half a pair. */
const unfit = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu;

const plain = /^[\x20-\x7e]*$/;

/**
 * Text that others wrote, fit for a terminal and for a line of a log: what would command the terminal, forge a line or write over what
 * stands before it is spelt out as `\u{1b}`. That makes it longer: whoever has a limit cuts afterwards.
 */
export function printable(text: string): string {
  if (plain.test(text)) return text;
  return text.replace(unfit, (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`);
}

/**
 * Text that others wrote, fit to stand within a sentence of ours: {@link printable}, and what is too long is cut.
 *
 * @param maxBytes - of the text as it was written, in UTF-8
 */
export function quotedText(text: string, maxBytes: number): string {
  const cut = cutText(text, maxBytes);
  const shown = printable(cut);
  return cut.length < text.length ? `${shown}…` : shown;
}
