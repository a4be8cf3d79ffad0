// SPDX-License-Identifier: Apache-2.0
import { fromHex } from '@enarx/protocol';

import { decodeBase64 } from './pem.ts';

export type Untexted =
  /** An object or an array. */
  | { readonly kind: 'json'; readonly value: object }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'pem'; readonly text: string }
  /** Not text at all, or text that says nothing to us. */
  | { readonly kind: 'binary' };

/** What a text spells: JSON, PEM, hex or base64 in either alphabet, white space allowed. */
export function untext(bytes: Uint8Array): Untexted {
  for (const byte of bytes) {
    // JSON strings may hold UTF-8; control characters but white space are in no text of ours.
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return { kind: 'binary' };
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { kind: 'binary' };
  }
  if (/^\s*[[{]/.test(text)) {
    try {
      return { kind: 'json', value: JSON.parse(text) as object };
    } catch {
      return { kind: 'binary' };
    }
  }
  if (text.includes('-----BEGIN ')) return { kind: 'pem', text };
  const decoded = bytesOfText(text);
  return decoded === undefined ? { kind: 'binary' } : { kind: 'bytes', bytes: decoded };
}

/**
 * Bytes of a text in hex (perhaps after `0x`) or base64 (with or without padding, in either alphabet), perhaps in the quotes of JSON;
 * `undefined` when it is neither.
 */
export function bytesOfText(text: string): Uint8Array | undefined {
  // With 0x in front hex would be good base64 of something else.
  const compact = text
    .replace(/\s+/g, '')
    .replace(/^"([^"]*)"$/, '$1')
    .replace(/^0[xX](?=[0-9a-fA-F]*$)/, '');
  if (compact === '') return undefined;
  const hex = fromHex(compact);
  if (hex !== undefined) return hex;
  const standard = compact.replace(/-/g, '+').replace(/_/g, '/');
  return decodeBase64(standard.padEnd(Math.ceil(standard.length / 4) * 4, '='));
}
