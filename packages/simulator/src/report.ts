// SPDX-License-Identifier: Apache-2.0

/** Length of an attestation report in bytes (SEV-SNP firmware ABI, 56860, table 23). */
export const reportLength = 0x4a0;
/** The signature covers the bytes before it. */
export const signedLength = 0x2a0;

const signatureComponentLength = 72;

/** Security patch levels, as Milan and Genoa lay them out (`TCB_VERSION`). Each is one byte. */
export interface TcbVersion {
  readonly bootloader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

/** Firmware version as the report gives it: build, minor, major. */
export type FirmwareVersion = readonly [build: number, minor: number, major: number];

/** What a report says. Lengths in bytes stand beside the fields; all numbers are written little-endian. */
export interface ReportFields {
  readonly version: number;
  readonly guestSvn: number;
  readonly policy: bigint;
  /** 16. */
  readonly familyId: Uint8Array;
  /** 16. */
  readonly imageId: Uint8Array;
  readonly vmpl: number;
  readonly signatureAlgorithm: number;
  readonly currentTcb: TcbVersion;
  readonly platformInfo: bigint;
  /** AUTHOR_KEY_EN, MASK_CHIP_KEY and SIGNING_KEY. */
  readonly keyInfo: number;
  /** 64. */
  readonly reportData: Uint8Array;
  /** 48. */
  readonly measurement: Uint8Array;
  /** 32. */
  readonly hostData: Uint8Array;
  /** 48. */
  readonly idKeyDigest: Uint8Array;
  /** 48. */
  readonly authorKeyDigest: Uint8Array;
  /** 32. */
  readonly reportId: Uint8Array;
  /** 32. */
  readonly reportIdMa: Uint8Array;
  readonly reportedTcb: TcbVersion;
  /** CPUID family, model and stepping. */
  readonly cpuid: readonly [family: number, model: number, stepping: number];
  /** 64. */
  readonly chipId: Uint8Array;
  readonly committedTcb: TcbVersion;
  readonly currentFirmware: FirmwareVersion;
  readonly committedFirmware: FirmwareVersion;
  readonly launchTcb: TcbVersion;
  readonly launchMitigations: bigint;
  readonly currentMitigations: bigint;
}

/** The signed part, {@link signedLength} bytes, in the layout of version 5. */
export function encodeReportBody(fields: ReportFields): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(signedLength);
  const view = new DataView(body.buffer);
  const u32 = (at: number, value: number): void => {
    view.setUint32(at, value, true);
  };
  const u64 = (at: number, value: bigint): void => {
    view.setBigUint64(at, value, true);
  };
  u32(0x000, fields.version);
  u32(0x004, fields.guestSvn);
  u64(0x008, fields.policy);
  body.set(fields.familyId, 0x010);
  body.set(fields.imageId, 0x020);
  u32(0x030, fields.vmpl);
  u32(0x034, fields.signatureAlgorithm);
  body.set(encodeTcb(fields.currentTcb), 0x038);
  u64(0x040, fields.platformInfo);
  u32(0x048, fields.keyInfo);
  body.set(fields.reportData, 0x050);
  body.set(fields.measurement, 0x090);
  body.set(fields.hostData, 0x0c0);
  body.set(fields.idKeyDigest, 0x0e0);
  body.set(fields.authorKeyDigest, 0x110);
  body.set(fields.reportId, 0x140);
  body.set(fields.reportIdMa, 0x160);
  body.set(encodeTcb(fields.reportedTcb), 0x180);
  body.set(fields.cpuid, 0x188);
  body.set(fields.chipId, 0x1a0);
  body.set(encodeTcb(fields.committedTcb), 0x1e0);
  body.set(fields.currentFirmware, 0x1e8);
  body.set(fields.committedFirmware, 0x1ec);
  body.set(encodeTcb(fields.launchTcb), 0x1f0);
  u64(0x1f8, fields.launchMitigations);
  u64(0x200, fields.currentMitigations);
  return body;
}

/**
 * The whole report.
 * @param signature - ECDSA P-384 as WebCrypto gives it: R and S, 48 bytes each, big-endian. AMD wants them little-endian, 72 bytes each.
 */
export function encodeReport(body: Uint8Array, signature: Uint8Array): Uint8Array<ArrayBuffer> {
  const report = new Uint8Array(reportLength);
  report.set(body);
  report.set(signature.subarray(0, 48).toReversed(), signedLength);
  report.set(signature.subarray(48).toReversed(), signedLength + signatureComponentLength);
  return report;
}

function encodeTcb({ bootloader, tee, snp, microcode }: TcbVersion): Uint8Array {
  return Uint8Array.of(bootloader, tee, 0, 0, 0, 0, snp, microcode);
}
