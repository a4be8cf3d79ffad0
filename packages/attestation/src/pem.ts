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

/** Bytes of base64 text in its only valid spelling (RFC 4648 section 4: padding, no other characters, no stray bits), or `undefined`. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const binary = atob(text);
  if (btoa(binary) !== text) return undefined;
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
