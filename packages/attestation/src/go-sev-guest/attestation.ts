// SPDX-License-Identifier: Apache-2.0
import { attestationProblem } from '../problems.ts';
import { readProtobuf, type ProtobufField } from '../protobuf/fields.ts';
import { snpReportLength } from '../snp/report.ts';

const what = 'an attestation of go-sev-guest';

/** `sev_snp_attestation` of `attest.Attestation`. */
const attestationInTpmTools = 8;
/** TPMT_PUBLIC of an attestation key: RSA or ECC, names by SHA-256 (TPM 2.0 library, part 2, section 12.2.4). */
const attestationKeys: readonly (readonly number[])[] = [
  [0x00, 0x01, 0x00, 0x0b],
  [0x00, 0x23, 0x00, 0x0b],
];

/** `ak_pub` with its length in one octet or two, which begins what go-tpm-tools writes. */
export const looksLikeGoTpmTools = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x0a &&
  attestationKeys.some((key) => [2, 3].some((at) => key.every((byte, index) => bytes[at + index] === byte)));

/**
 * go-sev-guest's attestation in go-tpm-tools' (`attest.Attestation`, what `gotpm attest` writes). The quotes of the TPM, its log and its
 * certificates are walked over: no check looks at them, and they prove nothing here.
 * @throws EnarxError `evidence/malformed`, `evidence/unrecognised` for an attestation without a report of SEV-SNP
 */
export function readGoTpmTools(bytes: Uint8Array): ReturnType<typeof readGoSevGuest> {
  const found = readProtobuf(bytes, 'an attestation of go-tpm-tools').filter(
    ({ number }) => number === attestationInTpmTools,
  );
  const [attestation] = found;
  if (attestation === undefined || found.length > 1 || !looksLikeGoSevGuest(attestation.content))
    throw attestationProblem('evidence/unrecognised', {
      found: 'an attestation of go-tpm-tools without one of SEV-SNP in it',
    });
  return readGoSevGuest(attestation.content);
}

/** `report` with its length in two octets, and in it `version`; below 2 it is Oak’s evidence, whose root layer begins so. */
export const looksLikeGoSevGuest = (bytes: Uint8Array): boolean => {
  const [report, , , version, value = 0] = bytes;
  return report === 0x0a && version === 0x08 && value > 1 && value < 0x10;
};

/** Numbers of `sevsnp.Report`: field, offset in the report, octets. */
const numbers: readonly (readonly [field: number, offset: number, length: number])[] = [
  [1, 0x00, 4],
  [2, 0x04, 4],
  [3, 0x08, 8],
  [6, 0x30, 4],
  [7, 0x34, 4],
  [8, 0x38, 8],
  [9, 0x40, 8],
  [10, 0x48, 4],
  [18, 0x180, 8],
  [20, 0x1e0, 8],
  [21, 0x1e8, 1],
  [22, 0x1e9, 1],
  [23, 0x1ea, 1],
  [24, 0x1ec, 1],
  [25, 0x1ed, 1],
  [26, 0x1ee, 1],
  [27, 0x1f0, 8],
  [30, 0x1f8, 8],
  [31, 0x200, 8],
];

/** Bytes of `sevsnp.Report`, likewise. */
const octets: typeof numbers = [
  [4, 0x10, 16],
  [5, 0x20, 16],
  [11, 0x50, 64],
  [12, 0x90, 48],
  [13, 0xc0, 32],
  [14, 0xe0, 48],
  [15, 0x110, 48],
  [16, 0x140, 32],
  [17, 0x160, 32],
  [19, 0x1a0, 64],
  [28, 0x2a0, 512],
];

/** `cpuid1eax_fms`: CPUID_1_EAX, of which the report has family, model and stepping. */
const cpuidField = 29;
const cpuidOffset = 0x188;

/** `vcek_cert`, `ask_cert`, `ark_cert`, `vlek_cert` of `sevsnp.CertificateChain`. */
const certificateFields: readonly number[] = [1, 2, 3, 6];

/**
 * Report and certificates in `sevsnp.Attestation` (Protocol Buffers), as go-sev-guest and what is built on it write it. It keeps the fields
 * of a report and not its bytes: those are put together again, and whatever the message lost or changed makes the signature fail.
 * @throws EnarxError `evidence/malformed`
 */
export function readGoSevGuest(bytes: Uint8Array): {
  report: Uint8Array;
  endorsements: readonly Uint8Array[];
} {
  const message = fieldsOf(bytes);
  const chain = fieldsOf(message.get(2)?.content ?? new Uint8Array(0));
  return {
    report: rebuildReport(fieldsOf((message.get(1) as ProtobufField).content)),
    endorsements: certificateFields.flatMap((number) => {
      const { content } = chain.get(number) ?? { content: new Uint8Array(0) };
      return content.length === 0 ? [] : [content];
    }),
  };
}

/** By number. A field that comes twice would be read otherwise by others. `extras` may; no check looks at them. */
function fieldsOf(bytes: Uint8Array): ReadonlyMap<number, ProtobufField> {
  const fields = new Map<number, ProtobufField>();
  for (const field of readProtobuf(bytes, what)) {
    if (fields.has(field.number) && field.number !== extrasField)
      throw malformed(`field ${String(field.number)} twice in ${what}`);
    fields.set(field.number, field);
  }
  return fields;
}

const extrasField = 7;

/** What is not there is zero, by the rules of Protocol Buffers. */
function rebuildReport(fields: ReadonlyMap<number, ProtobufField>): Uint8Array {
  const report = new Uint8Array(snpReportLength);
  const put = (offset: number, length: number, value: bigint): void => {
    for (let at = 0; at < length; at += 1) report[offset + at] = Number((value >> BigInt(8 * at)) & 0xffn);
  };
  for (const [number, offset, length] of numbers) {
    const value = fields.get(number)?.value ?? 0n;
    if (value >> BigInt(8 * length) !== 0n)
      throw malformed(`field ${String(number)} of ${String(value)} in ${what}`);
    put(offset, length, value);
  }
  for (const [number, offset, length] of octets) {
    const { content } = fields.get(number) ?? { content: new Uint8Array(length) };
    if (content.length !== length)
      throw malformed(`field ${String(number)} of ${String(content.length)} bytes in ${what}`);
    report.set(content, offset);
  }
  const cpuid = Number(BigInt.asUintN(32, fields.get(cpuidField)?.value ?? 0n));
  report[cpuidOffset] = ((cpuid >> 8) & 0xf) + ((cpuid >> 20) & 0xff);
  report[cpuidOffset + 1] = ((cpuid >> 12) & 0xf0) | ((cpuid >> 4) & 0xf);
  report[cpuidOffset + 2] = cpuid & 0xf;
  return report;
}

function malformed(found: string): Error {
  return attestationProblem('evidence/malformed', { found });
}
