// SPDX-License-Identifier: Apache-2.0
import { compareBytes } from '@enarx/protocol';

import { attestationProblem } from '../problems.ts';
import { snpReportLength } from '../snp/report.ts';

/** Version 0, the fourth kind of quote, and the length 1184 as SCALE spells it in two octets. */
const head = [0x00, 0x03, 0x81, 0x12] as const;
/** REPORT_DATA (SEV-SNP ABI, table 23). */
const reportData = { start: 0x50, end: 0x90 } as const;
/** dstack's own chains have two certificates. */
const mostCertificates = 8;

/** Whether bytes begin as dstack's attestation of an SNP guest does. */
export const looksLikeDstack = (bytes: Uint8Array): boolean =>
  head.every((byte, index) => bytes[index] === byte);

/**
 * Report and certificates in a `VersionedAttestation` of dstack (SCALE codec): quote (report, certificates, configuration), events of the
 * run, report data, configuration of the machine. Events and configurations are walked over and not judged; the report data must be the
 * report's, so that nobody reads it here and believes it.
 * @throws EnarxError `evidence/malformed`
 */
export function readDstackAttestation(bytes: Uint8Array): {
  report: Uint8Array;
  endorsements: readonly Uint8Array[];
} {
  let at: number = head.length;
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw malformed('a dstack attestation that is cut off');
    at += length;
    return bytes.subarray(at - length, at);
  };
  /** SCALE's compact integer, its modes of one, two and four octets, in the shortest. */
  const compact = (): number => {
    const mode = ((take(1)[0] as number) & 3) as 0 | 1 | 2 | 3;
    if (mode === 3) throw malformed('a length in a dstack attestation that is too large');
    at -= 1;
    const octets = take(2 ** mode);
    const value = octets.reduceRight((sum, octet) => sum * 256 + octet, 0);
    if (mode > 0 && value < 2 ** (4 * 2 ** mode))
      throw malformed('a length in a dstack attestation that is not in its shortest form');
    return Math.floor(value / 4);
  };
  const sized = (): Uint8Array => take(compact());
  const report = take(snpReportLength);
  const count = compact();
  if (count > mostCertificates) throw malformed(`a dstack attestation with ${String(count)} certificates`);
  const endorsements = Array.from({ length: count }, sized);
  sized();
  // Each event takes two bytes at least, so that a false count ends at the end of the data.
  for (let left = compact(); left > 0; left -= 1) {
    sized();
    sized();
  }
  const claimed = take(reportData.end - reportData.start);
  sized();
  if (at !== bytes.length) throw malformed('data behind a dstack attestation');
  if (compareBytes(report.subarray(reportData.start, reportData.end), claimed) !== 0)
    throw malformed('a dstack attestation whose report data is not that of its report');
  return { report, endorsements };
}

function malformed(found: string): Error {
  return attestationProblem('evidence/malformed', { found });
}
