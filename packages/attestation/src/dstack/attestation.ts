// SPDX-License-Identifier: Apache-2.0
import { compareBytes } from '@enarx/protocol';

import { snpReportLength } from '../snp/report.ts';
import { malformed, ScaleReader } from './scale.ts';

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
  const reader = new ScaleReader(bytes, head.length);
  const report = reader.take(snpReportLength);
  const count = reader.compact();
  if (count > mostCertificates) throw malformed(`a dstack attestation with ${String(count)} certificates`);
  const endorsements = Array.from({ length: count }, () => reader.sized());
  reader.sized();
  reader.skipRunEvents();
  const claimed = reader.take(reportData.end - reportData.start);
  reader.sized();
  reader.end();
  if (compareBytes(report.subarray(reportData.start, reportData.end), claimed) !== 0)
    throw malformed('a dstack attestation whose report data is not that of its report');
  return { report, endorsements };
}
