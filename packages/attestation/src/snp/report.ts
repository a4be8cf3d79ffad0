// SPDX-License-Identifier: Apache-2.0
import { attestationProblem } from '../problems.ts';
import type { Cpuid } from './product.ts';

/** Size of an attestation report in bytes. */
export const snpReportLength = 0x4a0;
/** The signature covers what stands before it. */
export const snpSignatureOffset = 0x2a0;
/** Value of VMPL in a report that the host asked for. */
export const hostRequestedVmpl = 0xffff_ffff;

/** Versions whose layout is known. */
export const snpReportVersions = [2, 3, 4, 5] as const;
export type SnpReportVersion = (typeof snpReportVersions)[number];

/** GUEST_POLICY. Whoever launches the guest chooses it. */
export interface GuestPolicy {
  readonly raw: bigint;
  /** Lowest firmware ABI that the guest accepts; no statement on the firmware in use. */
  readonly abiMajor: number;
  readonly abiMinor: number;
  readonly smt: boolean;
  /** Bit 17, which must be one. */
  readonly reservedOne: boolean;
  readonly migrateMa: boolean;
  readonly debug: boolean;
  readonly singleSocket: boolean;
  readonly cxlAllow: boolean;
  readonly memAes256Xts: boolean;
  readonly raplDisable: boolean;
  readonly ciphertextHidingDram: boolean;
  readonly pageSwapDisable: boolean;
  /** Bits that no revision known here defines. */
  readonly unknown: bigint;
}

/** PLATFORM_INFO. */
export interface PlatformInfo {
  readonly raw: bigint;
  readonly smtEnabled: boolean;
  readonly tsmeEnabled: boolean;
  readonly eccEnabled: boolean;
  readonly raplDisabled: boolean;
  readonly ciphertextHidingDramEnabled: boolean;
  /** Meaningful from version 3 on. */
  readonly aliasCheckComplete: boolean;
  readonly tioEnabled: boolean;
  /** Bits without a name; bit 6 is set on every Turin. */
  readonly unknown: bigint;
}

export interface FirmwareVersion {
  readonly major: number;
  readonly minor: number;
  readonly build: number;
}

export type SnpSigningKey = 'vcek' | 'vlek' | 'none' | 'reserved';

/** ATTESTATION_REPORT (SEV-SNP ABI, table 23), field by field. Byte arrays are views of the report. */
export interface SnpReport {
  readonly version: SnpReportVersion;
  readonly guestSvn: number;
  readonly policy: GuestPolicy;
  /** 16 bytes. */
  readonly familyId: Uint8Array;
  /** 16 bytes. */
  readonly imageId: Uint8Array;
  /** 0 to 3, or {@link hostRequestedVmpl}. */
  readonly vmpl: number;
  readonly signatureAlgorithm: number;
  /** 8 bytes each; what they mean depends on the product. */
  readonly currentTcb: Uint8Array;
  readonly reportedTcb: Uint8Array;
  readonly committedTcb: Uint8Array;
  readonly launchTcb: Uint8Array;
  readonly platformInfo: PlatformInfo;
  readonly authorKeyEnabled: boolean;
  readonly maskChipKey: boolean;
  readonly signingKey: SnpSigningKey;
  /** 64 bytes. */
  readonly reportData: Uint8Array;
  /** 48 bytes, the launch digest. */
  readonly measurement: Uint8Array;
  /** 32 bytes. */
  readonly hostData: Uint8Array;
  /** 48 bytes. */
  readonly idKeyDigest: Uint8Array;
  /** 48 bytes. */
  readonly authorKeyDigest: Uint8Array;
  /** 32 bytes. */
  readonly reportId: Uint8Array;
  /** 32 bytes, all FF without a migration agent. */
  readonly reportIdMa: Uint8Array;
  /** From version 3 on. */
  readonly cpuid: Cpuid | undefined;
  /** 64 bytes. */
  readonly chipId: Uint8Array;
  readonly currentFirmware: FirmwareVersion;
  readonly committedFirmware: FirmwareVersion;
  /** From version 5 on. */
  readonly launchMitigationVector: bigint | undefined;
  readonly currentMitigationVector: bigint | undefined;
}

/** A report as it was received: nothing in it is proven. */
export interface UnverifiedSnpReport extends SnpReport {
  /** All 1184 bytes. */
  readonly bytes: Uint8Array;
}

/**
 * Reads the fields of a report. What a field may hold is for the checks to say; only what decides the layout is
 * refused here.
 * @throws EnarxError `snp/report-malformed`, `snp/report-version`
 */
export function parseSnpReport(bytes: Uint8Array): UnverifiedSnpReport {
  if (bytes.length !== snpReportLength)
    throw attestationProblem('snp/report-malformed', {
      found: `${String(bytes.length)} bytes`,
      expected: `${String(snpReportLength)} bytes`,
    });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u32 = (at: number): number => view.getUint32(at, true);
  const u64 = (at: number): bigint => view.getBigUint64(at, true);
  const cut = (at: number, length: number): Uint8Array => bytes.subarray(at, at + length);
  const version = snpReportVersions.find((known) => known === u32(0));
  if (version === undefined)
    throw attestationProblem('snp/report-version', {
      found: `version ${String(u32(0))}`,
      expected: `one of ${snpReportVersions.join(', ')}`,
    });
  const keyInfo = u32(0x48);
  return {
    bytes,
    version,
    guestSvn: u32(0x04),
    policy: readGuestPolicy(u64(0x08)),
    familyId: cut(0x10, 16),
    imageId: cut(0x20, 16),
    vmpl: u32(0x30),
    signatureAlgorithm: u32(0x34),
    currentTcb: cut(0x38, 8),
    platformInfo: readPlatformInfo(u64(0x40)),
    authorKeyEnabled: (keyInfo & 1) !== 0,
    maskChipKey: (keyInfo & 2) !== 0,
    signingKey: signingKeys[(keyInfo >> 2) & 7] ?? 'reserved',
    reportData: cut(0x50, 64),
    measurement: cut(0x90, 48),
    hostData: cut(0xc0, 32),
    idKeyDigest: cut(0xe0, 48),
    authorKeyDigest: cut(0x110, 48),
    reportId: cut(0x140, 32),
    reportIdMa: cut(0x160, 32),
    reportedTcb: cut(0x180, 8),
    cpuid:
      version >= 3
        ? { family: view.getUint8(0x188), model: view.getUint8(0x189), stepping: view.getUint8(0x18a) }
        : undefined,
    chipId: cut(0x1a0, 64),
    committedTcb: cut(0x1e0, 8),
    currentFirmware: readFirmware(view, 0x1e8),
    committedFirmware: readFirmware(view, 0x1ec),
    launchTcb: cut(0x1f0, 8),
    launchMitigationVector: version >= 5 ? u64(0x1f8) : undefined,
    currentMitigationVector: version >= 5 ? u64(0x200) : undefined,
  };
}

const signingKeys: Readonly<Record<number, SnpSigningKey>> = { 0: 'vcek', 1: 'vlek', 7: 'none' };

function readFirmware(view: DataView, at: number): FirmwareVersion {
  return { build: view.getUint8(at), minor: view.getUint8(at + 1), major: view.getUint8(at + 2) };
}

/** SEV-SNP ABI, GUEST_POLICY. @param raw - 64 bits */
export function readGuestPolicy(raw: bigint): GuestPolicy {
  const bit = (number: number): boolean => ((raw >> BigInt(number)) & 1n) === 1n;
  return {
    raw,
    abiMinor: Number(raw & 0xffn),
    abiMajor: Number((raw >> 8n) & 0xffn),
    smt: bit(16),
    reservedOne: bit(17),
    migrateMa: bit(18),
    debug: bit(19),
    singleSocket: bit(20),
    cxlAllow: bit(21),
    memAes256Xts: bit(22),
    raplDisable: bit(23),
    ciphertextHidingDram: bit(24),
    pageSwapDisable: bit(25),
    unknown: raw & ~0x3ff_ffffn,
  };
}

/** SEV-SNP ABI, PLATFORM_INFO. @param raw - 64 bits */
export function readPlatformInfo(raw: bigint): PlatformInfo {
  const bit = (number: number): boolean => ((raw >> BigInt(number)) & 1n) === 1n;
  return {
    raw,
    smtEnabled: bit(0),
    tsmeEnabled: bit(1),
    eccEnabled: bit(2),
    raplDisabled: bit(3),
    ciphertextHidingDramEnabled: bit(4),
    aliasCheckComplete: bit(5),
    tioEnabled: bit(7),
    unknown: raw & ~0xbfn,
  };
}
