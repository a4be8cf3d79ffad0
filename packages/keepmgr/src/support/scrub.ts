// SPDX-License-Identifier: Apache-2.0

/** What secrets and names of tenants look like that somebody else's error message may quote. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [^-]+-----[\s\S]*?(?:-----END [^-]+-----|$)/g, '[PEM]'],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[token]'],
  [/\b(?:bearer|basic)\s+[\w.~+/=-]+/gi, '[credentials]'],
  [/\/\/[^/\s@]+@/g, '//[credentials]@'],
  [/\b[0-9a-f]{48,}\b/gi, '[hexadecimal]'],
  [/[A-Za-z0-9+/]{40,}={0,2}/g, '[base64]'],
  [/[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g, '[address]'],
];

/**
 * A text that may leave the host: the second line of defence, since nothing that a tenant or a client chose is put into a log to begin with.
 * Ids of Keeps (32 digits) and of requests (16) stay.
 */
export function scrubbed(text: string): string {
  return patterns.reduce((rest, [pattern, instead]) => rest.replace(pattern, instead), text);
}
