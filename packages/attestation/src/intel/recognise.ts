// SPDX-License-Identifier: Apache-2.0
import { readHclReport } from '../azure/hcl.ts';
import { readTpmQuote } from '../azure/quote.ts';
import type { TpmQuote } from '../azure/runtime-data.ts';
import { readDstackTdx } from '../dstack/quote.ts';
import { bytesOf, readAzureJson } from '../evidence-json.ts';
import { bytesOfText, untext } from '../evidence-text.ts';
import { tags } from '../der/tags.ts';
import { reasonOf } from '../checks.ts';
import { readPem } from '../pem.ts';
import { withoutOpenEnclaveHeader } from './open-enclave.ts';
import { quoteFormatOf } from './quote.ts';
import { readRequestedQuote } from './certification-request.ts';
import { readCertifiedQuote, type CertifiedQuote } from './ra-tls.ts';

/** A quote out of what it came wrapped in. */
export interface RecognisedQuote {
  readonly format: 'sgx' | 'tdx';
  readonly quote: Uint8Array;
  /** What came with it, each in a form that `readCollateral` reads. */
  readonly endorsements: readonly Uint8Array[];
  /** The certificate that it came in. */
  readonly certified?: CertifiedQuote;
  /** From Azure’s paravisor, beside the quote. */
  readonly azure?: { readonly runtimeData: Uint8Array; readonly quote: TpmQuote | undefined };
}

/**
 * Tells by content whether evidence is a quote, alone or
 *
 * - in hex or base64,
 * - behind Open Enclave’s headers of reports and evidence,
 * - in the JSON of configfs-tsm (`outblob`, with a provider other than SEV’s),
 * - in JSON that has it as `quote`, in hex or base64, and perhaps its event log as `cc_eventlog` or `event_log`, as Trustee’s and
 *   dstack’s agents send it,
 * - in dstack’s `VersionedAttestation`, alone or in JSON as `attestation`,
 * - in the JSON of Azure’s guests, `td_quote` beside `hcl_report` and perhaps `tpm_quote`,
 * - in the certificate of a TLS server (RA-TLS), DER or one block of PEM,
 * - in a certification request as the first Enarx made it, likewise.
 *
 * Small, since all evidence passes here; the verifier itself is loaded when there is a quote.
 */
export function recogniseQuote(received: Uint8Array): RecognisedQuote | undefined {
  const direct = bareQuote(received);
  if (direct !== undefined) return direct;
  const text = untext(received);
  if (text.kind === 'json') return fromJson(text.value);
  if (text.kind === 'pem') return fromCertificate(() => readPem(text.text)[0]?.content);
  const bytes = text.kind === 'bytes' ? text.bytes : received;
  return bytes[0] === tags.sequence ? fromCertificate(() => bytes) : bareQuote(bytes);
}

/** @throws EnarxError `evidence/malformed` */
function bareQuote(bytes: Uint8Array): RecognisedQuote | undefined {
  const dstack = readDstackTdx(bytes);
  if (dstack !== undefined) return quoteOf(dstack.quote, [dstack.eventLog]);
  return quoteOf(withoutOpenEnclaveHeader(bytes) ?? bytes, []);
}

/** What is no certificate with a quote may be something else of DER. */
function fromCertificate(der: () => Uint8Array | undefined): RecognisedQuote | undefined {
  let found: ReturnType<typeof readRequestedQuote>;
  try {
    const bytes = der() ?? new Uint8Array();
    const certified = readCertifiedQuote(bytes);
    found = certified === undefined ? readRequestedQuote(bytes) : { certified, endorsements: [] };
  } catch (error) {
    reasonOf(error);
    return undefined;
  }
  const recognised = found && quoteOf(found.certified.quote, found.endorsements);
  return recognised && { ...recognised, certified: (found as NonNullable<typeof found>).certified };
}

function quoteOf(quote: Uint8Array, endorsements: readonly Uint8Array[]): RecognisedQuote | undefined {
  const format = quoteFormatOf(quote);
  return format && { format, quote, endorsements };
}

function fromJson(value: object): RecognisedQuote | undefined {
  const members = new Map<string, unknown>(Object.entries(value));
  if (members.has('td_quote') && members.has('hcl_report')) return fromAzure(members);
  const bytesIn = (name: string): Uint8Array | undefined => {
    const member = members.get(name);
    return typeof member === 'string' ? bytesOfText(member.replace(/^0x/, '')) : undefined;
  };
  const quote = bytesIn('quote') ?? bytesIn('outblob');
  const attestation = quote === undefined ? bytesIn('attestation') : undefined;
  if (attestation !== undefined) return bareQuote(attestation);
  const logs = [bytesIn('cc_eventlog'), eventsIn(members.get('event_log'))];
  return (
    quote &&
    quoteOf(
      quote,
      logs.filter((log) => log !== undefined),
    )
  );
}

/** Agents that log nothing send an empty text or an empty list, which is as good as none. */
function eventsIn(log: unknown): Uint8Array | undefined {
  return typeof log === 'string' && !/^\s*(?:\[\s*\]\s*)?$/.test(log)
    ? new TextEncoder().encode(log)
    : undefined;
}

/** @throws EnarxError `azure/malformed`, `evidence/malformed` */
function fromAzure(members: ReadonlyMap<string, unknown>): RecognisedQuote | undefined {
  const recognised = quoteOf(bytesOf(members.get('td_quote'), 'td_quote'), []);
  const { blob, quote } = readAzureJson(members);
  const { runtimeData } = readHclReport(blob, 'tdx');
  return (
    recognised && {
      ...recognised,
      azure: { runtimeData, quote: quote && readTpmQuote(quote.message, quote.signature, quote.pcrs) },
    }
  );
}
