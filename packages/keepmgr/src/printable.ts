// SPDX-License-Identifier: Apache-2.0
import { cutText } from '@enarx/protocol';

/**
 * Text from outside as it may stand in a log: control and formatting characters are spelt out, so that no line can be
 * forged, no terminal steered and no direction of writing turned.
 *
 * @param longest - in bytes of UTF-8, as messages count them
 */
export function printable(text: string, longest: number): string {
  return cutText(
    text.replace(
      /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
      (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
    ),
    longest,
  );
}
