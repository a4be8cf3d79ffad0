// SPDX-License-Identifier: Apache-2.0
import { snpReportLength } from '../snp/report.ts';
import { attestationProblem } from '../problems.ts';

/** TEE_PLATFORM_AMD_SEV_SNP. */
const snpPlatform = 1;
/** Wire type of strings, bytes and messages; the root layer begins each message of ours. */
const lengthDelimited = 2;
const varint = 0;
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
  if (layer.filter(({ number }) => number === 1).length !== 1 || layer[0]?.value !== snpPlatform)
    throw malformed('Oak evidence of another platform than SEV-SNP');
  const [report] = reports;
  if (report === undefined || reports.length > 1 || report.content.length !== snpReportLength)
    throw malformed(`Oak evidence without one report of ${String(snpReportLength)} bytes`);
  return report.content;
}

interface Field {
  readonly number: number;
  /** Of a varint. */
  readonly value: number | undefined;
  /** Empty for a varint. */
  readonly content: Uint8Array;
}

/** The fields of a message in which all are varints or length-delimited, as in those that are read here. */
function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  /** Shortest form, at most four octets: no length here comes near 2^28. */
  const readVarint = (): number => {
    let value = 0;
    for (let octets = 0; octets < 4; octets += 1) {
      const octet = bytes[at];
      if (octet === undefined) throw malformed('Oak evidence that is cut off');
      at += 1;
      value += (octet & 0x7f) * 128 ** octets;
      if (octet >= 0x80) continue;
      if (octet === 0 && octets > 0)
        throw malformed('a number in Oak evidence that is not in its shortest form');
      return value;
    }
    throw malformed('a number in Oak evidence that is too large');
  };
  while (at < bytes.length) {
    const key = readVarint();
    const number = key >> 3;
    const type = key & 7;
    if (type === varint) fields.push({ number, value: readVarint(), content: new Uint8Array(0) });
    else if (type === lengthDelimited) {
      const length = readVarint();
      if (length > bytes.length - at) throw malformed('Oak evidence that is cut off');
      fields.push({ number, value: undefined, content: bytes.subarray(at, at + length) });
      at += length;
    } else throw malformed(`a field in Oak evidence of wire type ${String(type)}`);
  }
  return fields;
}

function malformed(found: string): Error {
  return attestationProblem('evidence/malformed', { found });
}
