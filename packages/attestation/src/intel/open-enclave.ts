// SPDX-License-Identifier: Apache-2.0
import { compareBytes, fromHex } from '@enarx/protocol';

import { malformed } from './json-values.ts';

// Open Enclave’s wrappers around quotes and collateral: include/openenclave/internal/report.h, bits/attestation.h and
// common/attest_plugin.h of its sources. Everything is little-endian.

const reportHeaderLength = 16;
const remoteSgxReport = 2;
const attestationHeaderLength = 32;
const attestationHeaderVersion = 3;
/** Formats whose evidence is a quote, perhaps with claims behind it (attestation/sgx/evidence.h, tdx/evidence.h). */
const quoteFormats = [
  'a3a21e871b4d4014b70aa125d2fbcd8c',
  '1923d91e12d24c72b22025cd8dace871',
  '8ba70286c1cf11edafa10242ac120002',
].map((text) => fromHex(text) as Uint8Array);
/** The same for a report of the older kind, which has a header of its own. */
const legacyReport = fromHex('c8303454d9234c2ca691df7def460a76') as Uint8Array;
/** UUIDs are followed by a size that is aligned to eight bytes. */
const uuid = { start: 4, end: 20 } as const;
const dataSizeOffset = 24;

/**
 * What stands in Open Enclave’s headers: `oe_attestation_header_t` around evidence or endorsements, `oe_report_header_t` around a
 * remote report. Both name the length of what follows, which must be all that follows.
 * @returns `undefined` where neither header is
 */
export function withoutOpenEnclaveHeader(bytes: Uint8Array): Uint8Array | undefined {
  const attested = attestationData(bytes);
  if (attested?.format === 'quote') return attested.data;
  const report = attested?.data ?? bytes;
  return isReport(report) ? report.subarray(reportHeaderLength) : undefined;
}

function attestationData(
  bytes: Uint8Array,
): { readonly format: 'quote' | 'report'; readonly data: Uint8Array } | undefined {
  if (bytes.length < attestationHeaderLength) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== attestationHeaderVersion) return undefined;
  if (view.getBigUint64(dataSizeOffset, true) !== BigInt(bytes.length - attestationHeaderLength))
    return undefined;
  const format = bytes.subarray(uuid.start, uuid.end);
  const is = (known: Uint8Array): boolean => compareBytes(format, known) === 0;
  const data = bytes.subarray(attestationHeaderLength);
  if (quoteFormats.some(is)) return { format: 'quote', data };
  return is(legacyReport) ? { format: 'report', data } : undefined;
}

function isReport(bytes: Uint8Array): boolean {
  if (bytes.length < reportHeaderLength) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return (
    view.getUint32(0, true) === 1 &&
    view.getUint32(4, true) === remoteSgxReport &&
    view.getBigUint64(8, true) === BigInt(bytes.length - reportHeaderLength)
  );
}

const endorsementsHeaderLength = 16;
const sgxEnclave = 2;
/** Version, TCB info, its chain, list of the PCK’s authority, of the root, their chain, identity, its chain, time of making. */
const endorsementFields = 9;
/** The first says 1 and the last is nobody’s signature: neither is collateral. */
const collateralFields = { from: 1, to: 8 } as const;

/**
 * Pieces of collateral in `oe_endorsements_t`, with or without its header of attestation, `undefined` for anything else.
 * @throws EnarxError `intel/collateral-malformed`
 */
export function readOpenEnclaveEndorsements(file: Uint8Array): readonly Uint8Array[] | undefined {
  const bytes = attestationData(file)?.data ?? file;
  if (bytes.length < endorsementsHeaderLength) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [version, enclave, size, fields] = [0, 4, 8, 12].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  if (version !== 1 || enclave !== sgxEnclave || fields !== endorsementFields) return undefined;
  const data = endorsementsHeaderLength + 4 * fields;
  if (size !== bytes.length - endorsementsHeaderLength || data > bytes.length)
    throw malformed(`Open Enclave’s endorsements of another length than they say`, String(size));
  const starts = Array.from(
    { length: fields },
    (_, index) => data + view.getUint32(endorsementsHeaderLength + 4 * index, true),
  );
  const ends = [...starts.slice(1), bytes.length];
  if (starts.some((start, index) => start > (ends[index] as number)))
    throw malformed('Open Enclave’s endorsements whose fields overlap');
  return starts
    .map((start, index) => bytes.subarray(start, ends[index]))
    .slice(collateralFields.from, collateralFields.to);
}
