// SPDX-License-Identifier: Apache-2.0
import { readProtobuf, type ProtobufField } from '../protobuf/fields.ts';
import { snpReportLength } from '../snp/report.ts';
import { attestationProblem } from '../problems.ts';

/** TEE_PLATFORM_AMD_SEV_SNP. */
const snpPlatform = 1;
/** `root_layer`, its length in two octets, `platform` = 1, `remote_attestation_report`: serialisers write fields in their order. */
const heads = { 0: 0x0a, 3: 0x08, 4: snpPlatform, 5: 0x12 };

/** Whether bytes begin as Oak's evidence of an SNP guest does. */
export const looksLikeOakEvidence = (bytes: Uint8Array): boolean =>
  Object.entries(heads).every(([at, byte]) => bytes[Number(at)] === byte);

/**
 * The report in `oak.attestation.v1.Evidence` (Protocol Buffers, as Project Oak writes it). Only the root layer is read: the layers above it
 * are certificates of Oak's own, which no check here looks at and which therefore prove nothing here.
 * @throws EnarxError `evidence/malformed`
 */
export function readOakEvidence(bytes: Uint8Array): Uint8Array {
  const [root, ...more] = fieldsOf(bytes).filter(({ number }) => number === 1);
  if (root === undefined || more.length > 0) throw malformed('Oak evidence without its one root layer');
  const layer = fieldsOf(root.content);
  const reports = layer.filter(({ number }) => number === 2);
  if (layer.filter(({ number }) => number === 1).length !== 1 || layer[0]?.value !== BigInt(snpPlatform))
    throw malformed('Oak evidence of another platform than SEV-SNP');
  const [report] = reports;
  if (report === undefined || reports.length > 1 || report.content.length !== snpReportLength)
    throw malformed(`Oak evidence without one report of ${String(snpReportLength)} bytes`);
  return report.content;
}

const fieldsOf = (bytes: Uint8Array): ProtobufField[] => readProtobuf(bytes, 'Oak evidence');

function malformed(found: string): Error {
  return attestationProblem('evidence/malformed', { found });
}
