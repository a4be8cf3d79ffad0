// SPDX-License-Identifier: Apache-2.0
import { bytesOfText, untext } from '../evidence-text.ts';
import { tags } from '../der/tags.ts';
import { reasonOf } from '../checks.ts';
import { readPem } from '../pem.ts';
import { quoteFormatOf } from './quote.ts';
import { readCertifiedQuote, type CertifiedQuote } from './ra-tls.ts';

/** A quote out of what it came wrapped in. */
export interface RecognisedQuote {
  readonly format: 'sgx' | 'tdx';
  readonly quote: Uint8Array;
  /** What came with it, each in a form that `readCollateral` reads. */
  readonly endorsements: readonly Uint8Array[];
  /** The certificate that it came in. */
  readonly certified?: CertifiedQuote;
}

/**
 * Tells by content whether evidence is a quote, alone or
 *
 * - in hex or base64,
 * - in the JSON of configfs-tsm (`outblob`, with a provider other than SEV’s),
 * - in JSON that has it as `quote`, in hex or base64, and perhaps its event log as `cc_eventlog`, as Trustee’s and dstack’s agents
 *   send it,
 * - in the certificate of a TLS server (RA-TLS), DER or one block of PEM.
 *
 * Small, since all evidence passes here; the verifier itself is loaded when there is a quote.
 */
export function recogniseQuote(received: Uint8Array): RecognisedQuote | undefined {
  const direct = quoteFormatOf(received);
  if (direct !== undefined) return { format: direct, quote: received, endorsements: [] };
  const text = untext(received);
  if (text.kind === 'json') return fromJson(text.value as object);
  if (text.kind === 'pem') return fromCertificate(() => readPem(text.text)[0]?.content);
  const bytes = text.kind === 'bytes' ? text.bytes : received;
  return bytes[0] === tags.sequence ? fromCertificate(() => bytes) : quoteOf(bytes, []);
}

/** What is no certificate with a quote may be something else of DER. */
function fromCertificate(der: () => Uint8Array | undefined): RecognisedQuote | undefined {
  let certified: CertifiedQuote | undefined;
  try {
    certified = readCertifiedQuote(der() ?? new Uint8Array());
  } catch (error) {
    reasonOf(error);
    return undefined;
  }
  const recognised = certified && quoteOf(certified.quote, []);
  return recognised && { ...recognised, certified: certified as CertifiedQuote };
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
