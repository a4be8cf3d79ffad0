// SPDX-License-Identifier: Apache-2.0
import { attestationProblem } from './problems.ts';

/** One block between its BEGIN and END lines. */
export interface PemBlock {
  /** `CERTIFICATE`, `X509 CRL`, `PUBLIC KEY`, … */
  readonly label: string;
  readonly content: Uint8Array<ArrayBuffer>;
}

const begin = /^-----BEGIN ([A-Z0-9 ]{1,32})-----$/;

/**
 * The blocks of a text, in their order (RFC 7468). Text between blocks is passed over, as tools put names there.
 * @throws EnarxError `pem/malformed`
 */
export function readPem(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  let label: string | undefined;
  let lines: string[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (label === undefined) {
      label = begin.exec(line)?.[1];
      lines = [];
    } else if (line === `-----END ${label}-----`) {
      const content = decodeBase64(lines.join(''));
      if (content === undefined)
        throw attestationProblem('pem/malformed', { found: `${label} without valid base64` });
      blocks.push({ label, content });
      label = undefined;
    } else lines.push(line);
  }
  if (label !== undefined)
    throw attestationProblem('pem/malformed', { found: `a ${label} block without its end` });
  return blocks;
}

/** @param label - `CERTIFICATE` for example */
export function writePem(label: string, content: Uint8Array): string {
  let binary = '';
  for (const byte of content) binary += String.fromCharCode(byte);
  const lines = btoa(binary).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** By character code; what is missing is no digit. */
const digitValues: readonly (number | undefined)[] = Array.from({ length: 128 }, (_, code) => {
  const value = alphabet.indexOf(String.fromCharCode(code));
  return value < 0 ? undefined : value;
});

/**
 * Bytes of base64 text in its only valid spelling (RFC 4648 section 4: padding, no other characters, no stray bits), or `undefined`. By
 * hand: a quote brings 4 KiB of it and collateral three times as much, and `atob` with its way back takes as long as two signatures.
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let at = 0;
  let bits = 0;
  let held = 0;
  for (let index = 0; index < text.length - padding; index += 1) {
    const value = digitValues[text.charCodeAt(index)];
    if (value === undefined) return undefined;
    bits = (bits << 6) | value;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes[at] = bits >> held;
    bits &= (1 << held) - 1;
    at += 1;
  }
  return bits === 0 ? bytes : undefined;
}
