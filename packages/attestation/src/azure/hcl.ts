// SPDX-License-Identifier: Apache-2.0
import { snpReportLength } from '../snp/report.ts';
import { attestationProblem } from '../problems.ts';

/** Blob of NV index 0x01400001 of an Azure confidential VM's TPM. */
export interface HclReport {
  readonly report: Uint8Array;
  /** The JSON that REPORT_DATA binds. */
  readonly runtimeData: Uint8Array;
}

const headerLength = 32;
const runtimeDataOffset = headerLength + snpReportLength;
const runtimeHeaderLength = 20;
const magic = 0x414c_4348;
/** What the paravisor asked of which hardware; for TDX it is no quote, which comes from the host’s service. */
const reportTypes = { snp: 2, tdx: 4 } as const;
const sha256HashType = 1;

export const looksLikeHcl = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === magic;

/**
 * Takes the blob apart. Its lengths come from the host: each is held against what is there. What stands behind the JSON
 * must be zero, since nothing covers it.
 * @throws EnarxError `azure/malformed`
 */
export function readHclReport(bytes: Uint8Array, tee: 'snp' | 'tdx'): HclReport {
  if (bytes.length < runtimeDataOffset + runtimeHeaderLength)
    throw malformed(
      `${String(bytes.length)} bytes`,
      `at least ${String(runtimeDataOffset + runtimeHeaderLength)}`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u32 = (at: number): number => view.getUint32(at, true);
  const version = u32(4);
  if (u32(0) !== magic || (version !== 1 && version !== 2))
    throw malformed(`version ${String(version)}`, 'HCLA 1 or 2');
  const reportType = u32(runtimeDataOffset + 8);
  const hashType = u32(runtimeDataOffset + 12);
  const length = u32(runtimeDataOffset + 16);
  if (reportType !== reportTypes[tee])
    throw malformed(
      `report type ${String(reportType)}`,
      tee === 'snp' ? '2, SEV-SNP; for 4, TDX, give JSON of td_quote and hcl_report' : '4, TDX',
    );
  if (hashType !== sha256HashType) throw malformed(`hash type ${String(hashType)}`, '1, SHA-256');
  const start = runtimeDataOffset + runtimeHeaderLength;
  if (length > bytes.length - start)
    throw malformed(`runtime data of ${String(length)} bytes`, `at most ${String(bytes.length - start)}`);
  if (bytes.subarray(start + length).some((byte) => byte !== 0))
    throw malformed('data behind the runtime data');
  return {
    report: bytes.subarray(headerLength, runtimeDataOffset),
    runtimeData: bytes.subarray(start, start + length),
  };
}

function malformed(found: string, expected?: string): Error {
  return attestationProblem('azure/malformed', { found, expected });
}
