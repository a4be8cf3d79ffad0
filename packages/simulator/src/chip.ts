// SPDX-License-Identifier: Apache-2.0
import type { FirmwareVersion, TcbVersion } from './report.ts';

/** What every simulated chip is: a Genoa (family 19h, model 11h) at levels that real ones of late 2025 report. */
export const chip = {
  reportVersion: 5,
  cpuid: [0x19, 0x11, 0x01],
  tcb: { bootloader: 0x0a, tee: 0x00, snp: 0x19, microcode: 0x54 } satisfies TcbVersion,
  firmware: [49, 55, 1] satisfies FirmwareVersion,
  /** SMT_EN, ECC_EN and ALIAS_CHECK_COMPLETE. */
  platformInfo: 0x25n,
  mitigations: 0x0bn,
} as const;

export const chipIdLength = 64;
