// SPDX-License-Identifier: Apache-2.0

/** Bytes of a TD report in a quote, by what Intel calls its version. */
export const tdReportLengths = { '1.0': 584, '1.5': 648, '1.5ex': 885 } as const;

export type TdReportVersion = keyof typeof tdReportLengths;

/** ATTRIBUTES of a trust domain (TDX module ABI, table “TD attributes”). */
export interface TdAttributes {
  /** 8. */
  readonly raw: Uint8Array;
  /** Bit 0: the host can read and write the guest’s memory. */
  readonly debug: boolean;
  /** Bits 1 to 7 belong to the same group, “TD under debug”, and to no known feature. */
  readonly otherDebug: boolean;
  /** Bit 28: the host cannot make the guest see exceptions instead of its own pages. */
  readonly septVeDisable: boolean;
  /** Bit 29: a service TD may move the guest to another machine. */
  readonly migratable: boolean;
  /** Bit 30. */
  readonly protectionKeys: boolean;
  /** Bit 31. */
  readonly keyLocker: boolean;
  /** Bit 63: the guest may use performance counters. */
  readonly performanceMonitoring: boolean;
}

/**
 * What a TD report 1.5ex has on top (`TDReport15Ex` in QuoteStructures.h of Intel’s quote verification library of 2026, whose names
 * these are; the manual does not explain them yet, and no genuine one has been published).
 */
export interface TdReportExtension {
  readonly vmId: number;
  /** 32. */
  readonly tdId: Uint8Array;
  /** 48. */
  readonly deviceInfo: Uint8Array;
  /** Of the launch: service TD (48, and its attributes, 8), CPUSVN (16), TEE_TCB_SVN (16), FMSPC (12). */
  readonly initial: {
    readonly serviceTd: Uint8Array;
    readonly serviceTdAttributes: Uint8Array;
    readonly cpuSvn: Uint8Array;
    readonly teeTcbSvn: Uint8Array;
    readonly fmspc: Uint8Array;
  };
  /** The service TD that is bound now, 48, and its attributes, 8. */
  readonly serviceTd: Uint8Array;
  readonly serviceTdAttributes: Uint8Array;
}

/** A TD report as it stands in a quote (Intel TDX DCAP quoting library API, appendix A.3). */
export interface TdReport {
  readonly version: TdReportVersion;
  /** 16: security versions of the TDX module and its loader at launch. Byte 1 is the module’s version, byte 0 its SVN. */
  readonly teeTcbSvn: Uint8Array;
  /** 48: the TDX module. */
  readonly mrSeam: Uint8Array;
  /** 48: who signed the module; zero is Intel. */
  readonly mrSignerSeam: Uint8Array;
  /** 8. */
  readonly seamAttributes: Uint8Array;
  readonly tdAttributes: TdAttributes;
  /** 8: extended features that the guest may use. */
  readonly xfam: Uint8Array;
  /** 48: SHA-384 over what the guest was built of. */
  readonly mrTd: Uint8Array;
  /** 48 each: set by whoever launched the guest, not measured by anybody. */
  readonly mrConfigId: Uint8Array;
  readonly mrOwner: Uint8Array;
  readonly mrOwnerConfig: Uint8Array;
  /** Four of 48 bytes, extended by the guest’s own software as it starts and runs. */
  readonly rtmrs: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  /** 64. */
  readonly reportData: Uint8Array;
  /** 16, from report 1.5 on: the security versions of the module that runs now, after an update that kept the guest. */
  readonly teeTcbSvn2: Uint8Array | undefined;
  /** 48, from report 1.5 on: service TDs bound to the guest; zero is none. */
  readonly mrServiceTd: Uint8Array | undefined;
  /** Report 1.5ex only. */
  readonly extension: TdReportExtension | undefined;
}

export function readTdAttributes(raw: Uint8Array): TdAttributes {
  const bit = (number: number): boolean => (((raw[number >> 3] as number) >> (number & 7)) & 1) !== 0;
  return {
    raw,
    debug: bit(0),
    otherDebug: ((raw[0] as number) & 0xfe) !== 0,
    septVeDisable: bit(28),
    migratable: bit(29),
    protectionKeys: bit(30),
    keyLocker: bit(31),
    performanceMonitoring: bit(63),
  };
}

/** @param bytes - 584, 648 or 885, views of which are kept */
export function readTdReport(bytes: Uint8Array): TdReport {
  const part = (at: number, length: number): Uint8Array => bytes.subarray(at, at + length);
  const extended = bytes.length === tdReportLengths['1.5ex'];
  const later = extended || bytes.length === tdReportLengths['1.5'];
  return {
    version: extended ? '1.5ex' : later ? '1.5' : '1.0',
    teeTcbSvn: part(0, 16),
    mrSeam: part(16, 48),
    mrSignerSeam: part(64, 48),
    seamAttributes: part(112, 8),
    tdAttributes: readTdAttributes(part(120, 8)),
    xfam: part(128, 8),
    mrTd: part(136, 48),
    mrConfigId: part(184, 48),
    mrOwner: part(232, 48),
    mrOwnerConfig: part(280, 48),
    rtmrs: [part(328, 48), part(376, 48), part(424, 48), part(472, 48)],
    reportData: part(520, 64),
    teeTcbSvn2: later ? part(584, 16) : undefined,
    mrServiceTd: later ? part(600, 48) : undefined,
    extension: extended
      ? {
          vmId: bytes[648] as number,
          tdId: part(649, 32),
          deviceInfo: part(681, 48),
          initial: {
            serviceTd: part(729, 48),
            serviceTdAttributes: part(777, 8),
            cpuSvn: part(785, 16),
            teeTcbSvn: part(801, 16),
            fmspc: part(817, 12),
          },
          serviceTd: part(829, 48),
          serviceTdAttributes: part(877, 8),
        }
      : undefined,
  };
}
