// SPDX-License-Identifier: Apache-2.0
import { bytesOfText, untext } from '../evidence-text.ts';
import { quoteFormatOf } from './quote.ts';

/** A quote out of what it came wrapped in. */
export interface RecognisedQuote {
  readonly format: 'sgx' | 'tdx';
  readonly quote: Uint8Array;
  /** What came with it, each in a form that `readCollateral` reads. */
  readonly endorsements: readonly Uint8Array[];
}

/**
 * Tells by content whether evidence is a quote, alone or
 *
 * - in hex or base64,
 * - in the JSON of configfs-tsm (`outblob`, with a provider other than SEV’s),
 * - in JSON that has it as `quote`, in hex or base64, and perhaps its event log as `cc_eventlog`, as Trustee’s and dstack’s agents
 *   send it.
 *
 * Small, since all evidence passes here; the verifier itself is loaded when there is a quote.
 */
export function recogniseQuote(received: Uint8Array): RecognisedQuote | undefined {
  const direct = quoteFormatOf(received);
  if (direct !== undefined) return { format: direct, quote: received, endorsements: [] };
  const text = untext(received);
  if (text.kind === 'json') return fromJson(text.value as object);
  return text.kind === 'bytes' ? quoteOf(text.bytes, []) : undefined;
}

function quoteOf(quote: Uint8Array, endorsements: readonly Uint8Array[]): RecognisedQuote | undefined {
  const format = quoteFormatOf(quote);
  return format && { format, quote, endorsements };
}

function fromJson(value: object): RecognisedQuote | undefined {
  const members = new Map<string, unknown>(Object.entries(value));
  const bytesIn = (name: string): Uint8Array | undefined => {
    const member = members.get(name);
    return typeof member === 'string' ? bytesOfText(member.replace(/^0x/, '')) : undefined;
  };
  const quote = bytesIn('quote') ?? bytesIn('outblob');
  const log = bytesIn('cc_eventlog');
  return quote && quoteOf(quote, log === undefined ? [] : [log]);
}
