// SPDX-License-Identifier: Apache-2.0
import { rebuildSnpReport } from './evidence-fields.ts';
import { bytesOfText } from './evidence-text.ts';
import { readGoSevGuest } from './go-sev-guest/attestation.ts';
import { readGoSevGuestJson } from './go-sev-guest/json.ts';
import { attestationProblem } from './problems.ts';
import { snpReportLength } from './snp/report.ts';

/** Evidence as JSON files of known tools carry it. */
export type EvidenceJson =
  | { readonly form: 'snp'; readonly report: Uint8Array; readonly endorsements: readonly Uint8Array[] }
  | {
      readonly form: 'azure-vtpm';
      readonly blob: Uint8Array;
      readonly endorsements: readonly Uint8Array[];
      readonly quote:
        | {
            readonly message: Uint8Array;
            readonly signature: Uint8Array;
            readonly pcrs: readonly Uint8Array[];
          }
        | undefined;
    };

/**
 * - `{outblob, auxblob?, provider: "sev_guest\n"}`: the attributes of a configfs-tsm entry, base64;
 * - `{hcl_report, vcek?, tpm_quote?}` or the older `{report, vcek?, quote?}`: Azure's blob, certificate and quote, in
 *   base64, hex or arrays of numbers, as attestation agents send them;
 * - `{report, vcek?}` with a report that is in no blob;
 * - `{report: {reportData, …}, certificateChain?}`, go-sev-guest's attestation in JSON;
 * - `{attestation_report, cert_chain?}`: the fields of a report, or its bytes, and its certificates, as Trustee's agents and
 *   their kin send them; the fields also without anything around them;
 * - `{evidence, endorsements, …}`: report and PEM, both in base64, as the sidecars of Azure's confidential containers give them;
 * - `{SnpReport, VcekCertChain, …}`, likewise, as they send them to Azure's attestation service.
 *
 * @throws EnarxError `evidence/unrecognised`, `evidence/malformed`
 */
export function readEvidenceJson(value: unknown): EvidenceJson {
  const object = objectOf(value);
  const outblob = object.get('outblob');
  if (outblob !== undefined) {
    const provider = object.get('provider');
    if (typeof provider !== 'string' || provider.trim() !== 'sev_guest')
      throw attestationProblem('evidence/unrecognised', {
        found: 'configfs-tsm of another provider than sev_guest',
      });
    return {
      form: 'snp',
      report: bytesOf(outblob, 'outblob'),
      endorsements: object.has('auxblob') ? [bytesOf(object.get('auxblob'), 'auxblob')] : [],
    };
  }
  const dump = object.get('attestation_report') ?? (object.has('reported_tcb') ? value : undefined);
  if (dump !== undefined)
    return {
      form: 'snp',
      report: isMap(dump) ? rebuildSnpReport(objectOf(dump)) : bytesOf(dump, 'attestation_report'),
      endorsements: certificatesOf(object.get('cert_chain') ?? []),
    };
  for (const [evidence, endorsements] of sidecarMembers)
    if (object.has(evidence) && object.has(endorsements))
      return {
        form: 'snp',
        report: bytesOf(object.get(evidence), evidence),
        endorsements: [bytesOf(object.get(endorsements), endorsements)],
      };
  const plain = object.get('report');
  if (isMap(plain) && 'reportData' in plain)
    return { form: 'snp', ...readGoSevGuest(readGoSevGuestJson(plain, object.get('certificateChain'))) };
  const report = plain === undefined || object.has('hcl_report') ? undefined : bytesOf(plain, 'report');
  if (report?.length === snpReportLength) return { form: 'snp', report, endorsements: vcekOf(object) };
  return readAzureJson(object);
}

const sidecarMembers = [
  ['evidence', 'endorsements'],
  ['SnpReport', 'VcekCertChain'],
] as const;

/** Members of what services answer about platforms, which is often given where the evidence should be. */
const collateralMembers = ['vcekCert', 'tcbInfo', 'enclaveIdentity', 'tcb_info', 'qe_identity'] as const;

/** `{hcl_report, tpm_quote?, …}`. @throws EnarxError `evidence/unrecognised`, `evidence/malformed` */
export function readAzureJson(
  object: ReadonlyMap<string, unknown>,
): Extract<EvidenceJson, { form: 'azure-vtpm' }> {
  const blob = object.get('hcl_report') ?? object.get('report');
  if (blob === undefined) {
    throw attestationProblem('evidence/unrecognised', {
      found: `JSON with the members ${[...object.keys()].slice(0, 8).join(', ')}`,
      expected: collateralMembers.some((name) => object.has(name))
        ? 'evidence; this is collateral, which endorses it'
        : 'outblob, attestation_report, quote, hcl_report or report',
    });
  }
  const quote = object.get('tpm_quote') ?? object.get('quote');
  return {
    form: 'azure-vtpm',
    blob: bytesOf(blob, 'report'),
    endorsements: vcekOf(object),
    quote: quote === undefined ? undefined : readQuote(objectOf(quote)),
  };
}

function readQuote(quote: ReadonlyMap<string, unknown>): {
  message: Uint8Array;
  signature: Uint8Array;
  pcrs: Uint8Array[];
} {
  const pcrs = quote.get('pcrs');
  if (!Array.isArray(pcrs) || pcrs.length > 24) throw malformed('a quote without its list of PCRs');
  return {
    message: bytesOf(quote.get('message'), 'message'),
    signature: bytesOf(quote.get('signature'), 'signature'),
    pcrs: pcrs.map((pcr: unknown) => bytesOf(pcr, 'pcrs')),
  };
}

/** `[{cert_type, data}]`, data as a list of bytes, or `{vcek, …}` with a certificate for each name. An empty chain is as good as none. */
function certificatesOf(chain: unknown): Uint8Array[] {
  if (Array.isArray(chain))
    return chain.map((entry: unknown) => bytesOf(objectOf(entry).get('data'), 'cert_chain'));
  if (!isMap(chain)) throw malformed('cert_chain that is no list');
  return Object.values(chain)
    .filter((certificate: unknown) => certificate !== null)
    .map((certificate: unknown) => certificateOf(certificate, 'cert_chain'));
}

function vcekOf(object: ReadonlyMap<string, unknown>): Uint8Array[] {
  const vcek = object.get('vcek');
  return vcek === undefined ? [] : [certificateOf(vcek, 'vcek')];
}

/** PEM stays as it is; the reader of endorsements knows it. */
function certificateOf(value: unknown, member: string): Uint8Array {
  return typeof value === 'string' && value.includes('-----BEGIN ')
    ? new TextEncoder().encode(value)
    : bytesOf(value, member);
}

/** Bytes in base64, in hex or as a list of numbers. @throws EnarxError `evidence/malformed` */
export function bytesOf(value: unknown, member: string): Uint8Array {
  const bytes =
    typeof value === 'string'
      ? bytesOfText(value)
      : Array.isArray(value) && value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255)
        ? Uint8Array.from(value as number[])
        : undefined;
  if (bytes === undefined) throw malformed(`${member} that is neither base64, hex nor a list of bytes`);
  return bytes;
}

const isMap = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** As a map, so that no member name can reach a prototype. */
function objectOf(value: unknown): ReadonlyMap<string, unknown> {
  if (!isMap(value))
    throw malformed(
      Array.isArray(value)
        ? `a list of ${String(value.length)} in JSON, no object`
        : 'JSON that is no object',
    );
  return new Map(Object.entries(value));
}

function malformed(found: string): Error {
  return attestationProblem('evidence/malformed', { found });
}
