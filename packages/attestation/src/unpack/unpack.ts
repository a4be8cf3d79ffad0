// SPDX-License-Identifier: Apache-2.0
import { bytesOfText, untext } from '../evidence-text.ts';
import { maxEvidenceLength } from '../evidence.ts';
import { attestationProblem } from '../problems.ts';
import { gunzip, looksLikeGzip } from './gzip.ts';

/** Evidence without what services put around that of any TEE, and what came along to verify it with. */
export interface Unpacked {
  readonly evidence: Uint8Array;
  readonly endorsements: readonly Uint8Array[];
}

/** Each real wrapper is one of a bundle, a document in it, base64 and gzip. */
const mostWrappers = 4;

/**
 * Takes off, as often as real services put them on:
 *
 * - gzip, plain or in base64;
 * - base64 around JSON or PEM, as it goes through environment variables and requests;
 * - `{platform, evidence}`, with an object or base64;
 * - `{tdx}`, `{sgx}` or `{sevsnp}` with an object, as clients of Intel’s attestation service give it, perhaps beside the TPM’s;
 * - `{report, …}` whose base64 is JSON: a request to Azure’s attestation service;
 * - Tinfoil’s `{format, body}`, alone or as `enclaveAttestationReport` with `vcek`.
 *
 * What is in none of these comes back as it is.
 * @throws EnarxError `evidence/malformed`, `evidence/too-large`
 */
export async function unpack(received: Uint8Array): Promise<Unpacked> {
  return takeOff(received, mostWrappers);
}

/** @param left - wrappers that may still be taken off */
async function takeOff(received: Uint8Array, left: number): Promise<Unpacked> {
  const text = untext(received);
  const bytes = text.kind === 'bytes' ? text.bytes : received;
  const members = text.kind === 'json' ? new Map<string, unknown>(Object.entries(text.value)) : undefined;
  const inner = looksLikeGzip(bytes)
    ? await gunzip(bytes, maxEvidenceLength)
    : text.kind === 'bytes' && isText(text.bytes)
      ? text.bytes
      : members && insideOf(members);
  if (inner === undefined) return { evidence: received, endorsements: [] };
  if (left === 0) throw malformed(`evidence in more than ${String(mostWrappers)} wrappers`);
  const certificate = members?.has('enclaveAttestationReport') === true ? members.get('vcek') : undefined;
  const own = certificate === undefined ? [] : [bytesIn(certificate, 'vcek')];
  const { evidence, endorsements } = await takeOff(inner, left - 1);
  return { evidence, endorsements: [...own, ...endorsements] };
}

const teeNames = ['tdx', 'sgx', 'sevsnp'] as const;

const isText = (bytes: Uint8Array): boolean => ['json', 'pem'].includes(untext(bytes).kind);

function insideOf(members: ReadonlyMap<string, unknown>): Uint8Array | undefined {
  if (members.has('platform') && members.has('evidence'))
    return contentOf(members.get('evidence'), 'evidence');
  const [tee, ...more] = teeNames.map((name) => members.get(name)).filter((value) => value !== undefined);
  if (typeof tee === 'object' && more.length === 0) return contentOf(tee, 'evidence');
  const request = members.get('report');
  const asked = typeof request === 'string' ? bytesOfText(request) : undefined;
  if (asked !== undefined && isText(asked)) return asked;
  const report = members.get('enclaveAttestationReport');
  if (report !== undefined) return contentOf(report, 'enclaveAttestationReport');
  return typeof members.get('format') === 'string' && members.has('body')
    ? bytesIn(members.get('body'), 'body')
    : undefined;
}

/** JSON stays JSON: whoever knows its members reads it. */
function contentOf(value: unknown, member: string): Uint8Array {
  return typeof value === 'object' && value !== null
    ? new TextEncoder().encode(JSON.stringify(value))
    : bytesIn(value, member);
}

function bytesIn(value: unknown, member: string): Uint8Array {
  const bytes = typeof value === 'string' ? bytesOfText(value) : undefined;
  if (bytes === undefined) throw malformed(`${member} that is neither base64 nor hex`);
  return bytes;
}

function malformed(found: string): Error {
  return attestationProblem('evidence/malformed', { found });
}
