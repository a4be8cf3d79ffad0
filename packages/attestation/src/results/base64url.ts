// SPDX-License-Identifier: Apache-2.0
import { decodeBase64 } from '../pem.ts';

/** Base64url without padding (RFC 7515 section 2). */
export function base64url(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Bytes of base64 in either alphabet, with padding or without, as others write it; `undefined` for all else. Never hexadecimal. */
export function decodeAnyBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  const standard = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  return decodeBase64(standard.padEnd(Math.ceil(standard.length / 4) * 4, '='));
}

/** Bytes of base64url without padding, in its only valid spelling; `undefined` for all else. */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  return /[^A-Za-z0-9_-]/.test(text) ? undefined : decodeAnyBase64(text);
}
