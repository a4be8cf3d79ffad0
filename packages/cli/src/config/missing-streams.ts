// SPDX-License-Identifier: Apache-2.0
import type { streamKinds } from './schema.ts';

/** The schema itself is not loaded for it: most runs have none. */
const streams: readonly string[] = Object.keys({
  null: true,
  stdin: true,
  stdout: true,
  stderr: true,
} satisfies Record<(typeof streamKinds)[number], true>);

/**
 * What a list of descriptors has where programs look for their standard streams, if it is something else: one that writes there
 * fails without a word, since there is nowhere to say it.
 */
export function missingStreams(files: readonly { readonly kind: string }[] | undefined): string | undefined {
  if (files === undefined) return undefined;
  const others = ['input', 'output', 'error'].flatMap((stream, number) => {
    const kind = files[number]?.kind;
    if (kind !== undefined && streams.includes(kind)) return [];
    return `${String(number)} (${kind ?? 'which is not there'}) for standard ${stream}`;
  });
  return others.length === 0
    ? undefined
    : `Programs take descriptor ${others.join(', ')}. Begin \`files\` with stdin, stdout and stderr, or null for each.`;
}
